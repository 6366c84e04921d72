"""An AWS API (moto) on a free loopback port, for as long as standard input stays open.

The first line on standard output is the port. After that each line on standard input is a command:

    requests ACCOUNT   answers with a JSON list of the calls made to that account so far: ["cloudformation:DescribeStacks", ...]
    keep               answers "kept"; from then on the server outlives its standard input
"""

import functools
import gc
import io
import json
import logging
import os
import re
import signal
import struct
import sys
import threading
from urllib.parse import parse_qs

from moto import backends
from moto.acm.responses import AWSCertificateManagerResponse
from moto.autoscaling.responses import AutoScalingResponse
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core import responses
from moto.core.responses import ActionResult
from moto.ec2.models import amis
from moto.ec2.models.instances import Instance
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.elb.models import LoadBalancer as ClassicLoadBalancer
from moto.elb.responses import ELBResponse
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.route53.models import RecordSet, route53_backends
from moto.utilities.utils import get_partition
from werkzeug.serving import WSGIRequestHandler, make_server

CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/aws4_request")


class RequestLog:
    """WSGI middleware that writes down which operation each request asked for, by account."""

    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()
        self.entries = []

    def __call__(self, environ, start_response):
        credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if credential:
            access_key, service = credential.groups()
            # Before the call: AssumeRole, for one, adds access keys.
            account = get_account_id_from(access_key)
            # Afterwards moto has read the body and put a fresh one in its place.
            operation = self.operation(environ)
            with self.lock:
                self.entries.append((account, f"{service}:{operation}"))
        return self.application(environ, start_response)

    @staticmethod
    def operation(environ):
        target = environ.get("HTTP_X_AMZ_TARGET")
        if target:
            return target.rsplit(".", 1)[-1]
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            body = DomainDispatcherApplication._get_body(None, environ) or ""
            action = parse_qs(body).get("Action")
            if action:
                return action[0]
        # The REST services (Route 53, S3) name no operation: what was asked of which path says as much.
        return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"

    def of_account(self, account):
        with self.lock:
            return [call for owner, call in self.entries if owner == account]


class CborToJson:
    """WSGI middleware for the protocol that newer SDKs speak with CloudWatch (Smithy RPC v2 CBOR), which moto does not know: it
    sees the same request in the JSON protocol, and its answer is written in CBOR (RFC 8949) again."""

    PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)")

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        called = self.PATH.fullmatch(environ.get("PATH_INFO", ""))
        if not called or "cbor" not in environ.get("CONTENT_TYPE", ""):
            return self.application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = json.dumps(cbor_decode(io.BytesIO(body)) if body else {}).encode()
        environ.update({
            "PATH_INFO": "/",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_AMZ_TARGET": ".".join(called.groups()),
            "wsgi.input": io.BytesIO(body),
        })
        answered = []
        answer = b"".join(self.application(environ, lambda status, headers, *_: answered.append(status)))
        answer = cbor_encode(json.loads(answer) if answer.strip() else {})
        headers = [("smithy-protocol", "rpc-v2-cbor"), ("Content-Type", "application/cbor")]
        start_response(answered[0], headers + [("Content-Length", str(len(answer)))])
        return [answer]


def cbor_decode(data):
    """One item; `...` is the end of an item of unknown length."""
    kind, detail = divmod(data.read(1)[0], 32)
    if kind == 7:
        if detail in (26, 27):
            return struct.unpack(">f" if detail == 26 else ">d", data.read(4 if detail == 26 else 8))[0]
        return {20: False, 21: True, 22: None, 23: None, 31: ...}[detail]
    size = detail if detail < 24 else None if detail == 31 else int.from_bytes(data.read(1 << (detail - 24)), "big")
    if kind < 2:
        return size if kind == 0 else -1 - size
    if kind == 6:
        # The tag of a time, which is a number.
        return cbor_decode(data)
    if kind in (2, 3) and size is not None:
        return data.read(size).decode()
    items = []
    while size is None or len(items) < size * (2 if kind == 5 else 1):
        item = cbor_decode(data)
        if item is ...:
            break
        items.append(item)
    if kind == 5:
        return dict(zip(items[::2], items[1::2]))
    return items if kind == 4 else "".join(items)


def cbor_encode(value, is_time=False):
    def head(kind, size):
        return bytes([kind * 32 + 27]) + size.to_bytes(8, "big")

    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, (int, float)) and is_time:
        return b"\xc1\xfb" + struct.pack(">d", value)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor_encode(item, is_time) for item in value)
    entries = (cbor_encode(key) + cbor_encode(item, "Timestamp" in key) for key, item in value.items())
    return head(5, len(value)) + b"".join(entries)


class RequestHandler(WSGIRequestHandler):
    # Headers and body are written separately: with Nagle's algorithm each answer would wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def log(self, *_):
        pass


def register_images_as_ebs_backed():
    """AWS tells an image's root device type from its block devices; moto calls every registered image instance-store backed."""
    original = amis.Ami.__init__

    def init(self, *args, **kwargs):
        kwargs.setdefault("root_device_type", "ebs")
        original(self, *args, **kwargs)

    amis.Ami.__init__ = init


def manage_records_as_cloudformation():
    """CloudFormation removes the one record that a stack made, and its id is the name without the dot at the end; moto removes
    every record of that name, other stacks' as well, and keeps the dot."""

    def remove(zone, name, set_identifier):
        removed = (name.rstrip("."), set_identifier)
        zone.rrsets = [r for r in zone.rrsets if (r.name.rstrip("."), r.set_identifier) != removed]

    def zone_of(name, identifier, account, region):
        backend = route53_backends[account][get_partition(region)]
        return (name and backend.get_hosted_zone_by_name(name)) or backend.get_hosted_zone(identifier)

    def delete(self, account_id, region):
        zone = zone_of(self.hosted_zone_name, self.hosted_zone_id, account_id, region)
        remove(zone, self.name, self.set_identifier)

    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        properties = cloudformation_json["Properties"]
        zone = zone_of(properties.get("HostedZoneName"), properties.get("HostedZoneId"), account_id, region_name)
        remove(zone, resource_name, properties.get("SetIdentifier"))

    RecordSet.physical_resource_id = property(lambda record: record.name.rstrip("."))
    RecordSet.delete = delete
    RecordSet.delete_from_cloudformation_json = classmethod(delete_from_cloudformation_json)


def say_when_resources_were_updated():
    """Every listed resource of a stack has this time; moto writes it under a name that nobody reads."""
    original = CloudFormationResponse.list_stack_resources

    def list_stack_resources(self):
        answer = original(self)
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        for summary in answer.result["StackResourceSummaries"]:
            summary["LastUpdatedTimestamp"] = stack.creation_time
        return answer

    CloudFormationResponse.list_stack_resources = list_stack_resources


def protect_stacks_against_termination():
    """CloudFormation switches a stack's protection on and off, and deletes no stack that is protected; moto knows neither."""
    original = CloudFormationResponse.delete_stack

    def update_termination_protection(self):
        stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
        stack.enable_termination_protection = str(self._get_param("EnableTerminationProtection")).lower() == "true"
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self):
        name = self._get_param("StackName")
        stack = next((s for s in self.cloudformation_backend.stacks.values() if name in (s.name, s.stack_id)), None)
        if stack and stack.enable_termination_protection:
            raise ValidationError(name, f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        return original(self)

    CloudFormationResponse.update_termination_protection = update_termination_protection
    CloudFormationResponse.delete_stack = delete_stack


def take_volume_sizes_from_the_image():
    """A block device mapping without size or snapshot changes a volume of the image, which has a size; moto refuses it."""
    original = Instance.add_block_device

    def add_block_device(self, size, device_path, snapshot_id, *args, **kwargs):
        if size is None and snapshot_id is None:
            size = 8
        original(self, size, device_path, snapshot_id, *args, **kwargs)

    Instance.add_block_device = add_block_device


def call_only_subnets_of_the_default_vpc_default():
    """moto calls the first subnet of any VPC in a zone the zone's default; in AWS only the default VPC has such subnets."""
    original = Subnet.__init__

    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        vpc = self.ec2_backend.vpcs.get(self.vpc_id)
        self.default_for_az = self.default_for_az and vpc is not None and vpc.is_default

    Subnet.__init__ = init


def build_launch_template_versions_on_their_source():
    """A version has what its source version has, unless it says otherwise; moto forgets the source."""
    original = LaunchTemplates.create_launch_template_version

    def create_launch_template_version(self):
        source = self._get_param("SourceVersion")
        if source:
            identifier, name = self._get_param("LaunchTemplateId"), self._get_param("LaunchTemplateName")
            find = self.ec2_backend.get_launch_template if identifier else self.ec2_backend.get_launch_template_by_name
            template = find(identifier or name)
            create_version = template.create_version
            inherited = template.get_version(source).data
            template.create_version = lambda data, description: create_version({**inherited, **data}, description)
            try:
                return original(self)
            finally:
                del template.create_version
        return original(self)

    LaunchTemplates.create_launch_template_version = create_launch_template_version


def name_certificates_in_lists():
    """ListCertificates says what each certificate is for; moto says it under the name that only DescribeCertificate uses."""
    original = AWSCertificateManagerResponse.list_certificates

    def list_certificates(self):
        answer = json.loads(original(self))
        for summary in answer["CertificateSummaryList"]:
            summary["SubjectAlternativeNameSummaries"] = summary.pop("SubjectAlternativeNames")
            summary["HasAdditionalSubjectAlternativeNames"] = False
        return json.dumps(answer)

    AWSCertificateManagerResponse.list_certificates = list_certificates


def say_where_classic_load_balancers_are():
    """Alias records need the hosted zone of a load balancer (that of us-east-1 here); moto does not say it for classic ones."""
    ClassicLoadBalancer.canonical_hosted_zone_name_id = "Z35SXDOTRQ7X7K"


def tell_limits_of_the_account():
    """How many groups, launch configurations and classic load balancers an account may have, as a new one; moto does not say."""

    def limits_of_auto_scaling(self):
        groups = self.autoscaling_backend.autoscaling_groups
        configurations = self.autoscaling_backend.launch_configurations
        return ActionResult({
            "MaxNumberOfAutoScalingGroups": 500,
            "MaxNumberOfLaunchConfigurations": 200,
            "NumberOfAutoScalingGroups": len(groups),
            "NumberOfLaunchConfigurations": len(configurations),
        })

    def limits_of_classic_load_balancers(self):
        return ActionResult({"Limits": [{"Name": "classic-load-balancers", "Max": "20"}]})

    AutoScalingResponse.describe_account_limits = limits_of_auto_scaling
    ELBResponse.describe_account_limits = limits_of_classic_load_balancers


def read_moto_once():
    """For every request moto lists its own directory and the methods of a class; neither changes while it runs."""
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


class Images(list):
    """The images of MOTO_AMIS_PATH, fresh at each reading: moto changes them, and fails when a second account reads them."""

    def __iter__(self):
        return (dict(image) for image in super(Images, self).__iter__())


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.WARNING)
    register_images_as_ebs_backed()
    manage_records_as_cloudformation()
    say_when_resources_were_updated()
    protect_stacks_against_termination()
    take_volume_sizes_from_the_image()
    call_only_subnets_of_the_default_vpc_default()
    build_launch_template_versions_on_their_source()
    name_certificates_in_lists()
    say_where_classic_load_balancers_are()
    tell_limits_of_the_account()
    read_moto_once()
    amis.AMIS = Images(amis.AMIS)
    log = RequestLog(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, CborToJson(log), threaded=True, request_handler=RequestHandler)
    os.environ["MOTO_PORT"] = str(server.port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    # What the imports made stays for good: the collector need not look through it in the middle of a request.
    gc.collect()
    gc.freeze()
    print(server.port, flush=True)

    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "requests":
            print(json.dumps(log.of_account(argument)), flush=True)
        elif command == "keep":
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            print("kept", flush=True)
            thread.join()
    os._exit(0)


main()
