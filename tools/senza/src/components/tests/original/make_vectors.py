"""Makes vectors.json: what senza 2.1.143 itself generates for the definitions below.

Run it with a Python 3.9 to 3.11 that has stups-senza 2.1.143 and setuptools < 80. AWS's answers are replaced by those of
the account that the Rust tests are given, so that both must come to the same template.
"""

import copy
import json
import sys
from types import SimpleNamespace
from unittest import mock

import yaml

import senza.aws
import senza.components
import senza.components.auto_scaling_group as auto_scaling_group
import senza.components.coreos_auto_configuration as coreos_auto_configuration
import senza.components.elastic_load_balancer as elastic_load_balancer
import senza.components.elastic_load_balancer_v2 as elastic_load_balancer_v2
import senza.components.iam_role as iam_role
import senza.components.taupage_auto_scaling_group as taupage_auto_scaling_group
import senza.definitions
import senza.stups.taupage
from senza.manaus.acm import ACM, ACMCertificate
from senza.manaus.iam import IAM
from senza.manaus.route53 import Route53, Route53HostedZone

ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/*.example.org"
SUBNETS = [
    ("subnet-d1", "eu-west-1a", "dmz-eu-west-1a"),
    ("subnet-d2", "eu-west-1b", "dmz-eu-west-1b"),
    ("subnet-i1", "eu-west-1a", "internal-eu-west-1a"),
    ("subnet-i2", "eu-west-1b", "internal-eu-west-1b"),
]
GROUPS = {"app-hello-world": "sg-app", "app-hello-world-lb": "sg-lb"}
GATEWAYS = [("subnet-i1", "10.0.0.1"), ("subnet-x", "10.0.0.9"), ("subnet-i2", "10.0.0.2")]

GROUP = "SenzaComponents: [{App: {Type: 'Senza::AutoScalingGroup', InstanceType: t3.micro, Image: Own, %s}}]"
TAUPAGE = (
    "SenzaComponents: [{C: {Type: 'Senza::StupsAutoConfiguration'}}, {App: {Type: 'Senza::TaupageAutoScalingGroup', "
    "InstanceType: t3.micro, TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1', %s}}}]"
)
BALANCER = (
    "Resources: {}\nSenzaComponents: [{Lb: {Type: 'Senza::WeightedDnsElasticLoadBalancer', HTTPPort: 8080, "
    "SecurityGroups: [app-hello-world-lb], %s}}]"
)
CLASSIC = (
    "Resources: {}\nSenzaComponents: [{Lb: {Type: 'Senza::ElasticLoadBalancer', HTTPPort: 8080, "
    "SecurityGroups: [app-hello-world-lb], %s}}]"
)

BALANCER_V2 = (
    "Resources: {}\nSenzaComponents: [{Lb: {Type: 'Senza::WeightedDnsElasticLoadBalancerV2', HTTPPort: 8080, "
    "SecurityGroups: [app-hello-world-lb], %s}}]"
)
APPLICATION = (
    "Resources: {}\nSenzaComponents: [{Lb: {Type: 'Senza::ElasticLoadBalancerV2', HTTPPort: 8080, "
    "SecurityGroups: [app-hello-world-lb], %s}}]"
)
REDIS_NODE = "SenzaComponents: [{redis-hello: {Type: 'Senza::RedisNode', SecurityGroups: [app-hello-world], %s}}]"
REDIS_CLUSTER = "SenzaComponents: [{redis-hello: {Type: 'Senza::RedisCluster', SecurityGroups: [app-hello-world], %s}}]"
SPOT = (
    "Mappings: {Senza: {Info: {StackName: hello-world, StackVersion: v1, SpotinstAccessToken: t, SpotinstAccountId: act-1}}}\n"
    "SenzaComponents: [{App: {Type: 'Senza::Elastigroup', InstanceType: m4.large, %s}}]"
)

DEFINITIONS = [
    "SenzaInfo: {Parameters: [{ImageVersion: {Description: d, NoEcho: true}}, {B: {Type: Number, Default: 5}}]}\n"
    "SenzaComponents: [{C: {Type: 'Senza::Configuration', Images: {A: {eu-west-1: a, us-east-1: b}}, "
    "ServerSubnets: {eu-west-1: [s]}, LoadBalancerInternalSubnets: {eu-west-1: [i]}}}]\n"
    "Mappings: {X: {a: {b: c}}}",
    "SenzaInfo: {StackName: my-app2go, Parameters: [{ImageVersion: {}}]}\n"
    "SenzaComponents: [{C: {Type: 'Senza::Configuration', DefineParameters: false}}]",
    "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration'}}]",
    "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration', PublicOnly: true}}]",
    "SenzaComponents: [{C: {Type: 'Senza::STUPSAutoConfiguration', AvailabilityZones: [eu-west-1b]}}]\nDescription: mine",
    GROUP % "SecurityGroups: [app-hello-world, sg-1, {'Fn::GetAtt': [A, GroupId]}], AssociatePublicIpAddress: true",
    GROUP % "EbsOptimized: true, SpotPrice: 0.05, InstanceMonitoring: false, BlockDeviceMappings: [{DeviceName: /dev/sdb}]",
    GROUP % "IamRoles: [one], MetadataOptions: {HttpTokens: required}, KeyName: ignored",
    GROUP % "IamRoles: [{Ref: R}], IamInstanceProfile: own",
    GROUP % "IamRoles: [a, b], UserData: text, Tags: [{Key: k, Value: v}]",
    GROUP % "ElasticLoadBalancer: Lb, HealthCheckGracePeriod: 60, TerminationPolicies: [Default]",
    GROUP % "ElasticLoadBalancer: [A, B], ElasticLoadBalancerV2: C, HealthCheckType: EC2, MetricsCollection: [{Granularity: 1Minute}]",
    GROUP % "ElasticLoadBalancerV2: [A, B], PlacementGroup: p, MaxSize: 7, VPCZoneIdentifier: [s], DesiredCapacity: 2",
    GROUP % "ElasticLoadBalancerV2: A, TargetGroupARNs: [arn]",
    GROUP % "AutoScaling: {Minimum: 2, Maximum: 10}",
    GROUP % "AutoScaling: {Minimum: '1', Maximum: '4', DesiredCapacity: '3', SuccessRequires: '2 within 1h30m', ScalingAdjustment: 2}, MinSize: 0",
    GROUP % "AutoScaling: {Minimum: 2, Maximum: 10, SuccessRequires: '4 within 30m', MetricType: CPU, Period: 60, "
    "EvaluationPeriods: 1, ScaleUpThreshold: 50, ScaleDownThreshold: '20', ScaleUpAdjustment: 3, Cooldown: 30, "
    "ScaleDownCooldown: 360, Statistic: Maximum}",
    GROUP % "AutoScaling: {Minimum: 1, Maximum: 2, SuccessRequires: 0, MetricType: CPU, Period: 90, EvaluationPeriods: 3, "
    "ScaleUpThreshold: 70.5}",
    GROUP % "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: NetworkOut, ScaleUpThreshold: '5.7 TB', ScaleDownThreshold: 10, "
    "Period: '60', ScaleDownAdjustment: 2}",
    GROUP % "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: NetworkIn, ScaleUpThreshold: '10   Gigabytes', ScaleDownThreshold: '10'}",
    (GROUP % "AutoScaling: {Minimum: 1, Maximum: 2}")
    + "\nResources: {AppScaleUp: {Type: T, Properties: {AutoScalingGroupName: {Ref: App}}}}",
    "SenzaInfo: {OperatorTopicId: ops}\n" + GROUP % "",
    "SenzaInfo: {OperatorTopicId: 'arn:aws:sns:eu-west-1:2:other'}\n"
    + GROUP % "NotificationConfiguration: {TopicARN: mine}, LaunchConfigurationName: mine",
    (GROUP % "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: CPU, ScaleUpThreshold: 1, ScaleDownThreshold: 2, ScaleUpCooldown: 5}")
    + "\nResources: {AppCPUAlarmHigh: {Type: Mine}, AppNetworkAlarmLow: {Type: Mine}}",
    GROUP % "IamInstanceProfile: own, SecurityGroups: [{Ref: G}]",
    TAUPAGE % "",
    TAUPAGE % "ports: {8080: 8080, 443: 8443}, application_id: other, application_version: '1.0', notify_cfn: {a: b}",
    TAUPAGE % "environment: {A: 'yes', B: '0755', C: '1e3', D: \"multi\\nline\", E: \"a\\n b\", F: 'ü', G: \"it's\", H: '', "
    "I: [1, 1.5, true, null, {}, []], J: '{b', K: 'a: b', L: '2026-01-01', M: \"tab\\t\"}",
    TAUPAGE % "mint_bucket: {Ref: B}, environment: {A: {'Fn::GetAtt': [X, Arn]}, B: [{Ref: C}, {'Fn::Join': ['-', [a, {Ref: D}]]}]}, z: 1",
    TAUPAGE % "environment: {A: 'aws:kms:AQICAHg=', B: 'a,b', C: '- x', D: '0x1F', E: ' x', F: 'a #h'}, 10: a, 9: b",
    TAUPAGE % "environment: {A: {'Fn::Sub': \"it's ${X}\"}, B: {'Fn::Sub': 'ü'}, C: {'Fn::Sub': \"tab\\t\"}}",
    (TAUPAGE % "environment: {A: {Stack: s, Output: O}}"),
    "SenzaComponents: [{C: {Type: 'Senza::StupsAutoConfiguration', PublicOnly: true}}, {App: {Type: "
    "'Senza::TaupageAutoScalingGroup', InstanceType: t, Image: Other, AssociatePublicIpAddress: true, UserData: x, "
    "ElasticLoadBalancer: Lb, TaupageConfig: {runtime: Docker, source: {0}}}}]".replace("{0}", "'a/b:1'"),
    "SenzaComponents: [{App: {Type: 'Senza::TaupageAutoScalingGroup', InstanceType: t, TaupageConfig: {runtime: Docker, "
    "source: 'a/b'}}}]\nMappings: {ServerSubnets: {eu-west-1: {Subnets: [subnet-i1, subnet-i2]}}, "
    "LoadBalancerInternalSubnets: {eu-west-1: {Subnets: [subnet-i2, subnet-i1]}}}",
    BALANCER % "",
    BALANCER % "Scheme: internet-facing, HealthCheckPath: /h, HealthCheckPort: 9, ConnectionSettings: {IdleTimeout: 9}",
    BALANCER % "HealthCheckProtocol: TCP, NameSuffix: pub, Tags: [{Key: a, Value: b}], CrossZone: false, Misspelt: 1",
    BALANCER % "MainDomain: www.example.org, VersionDomain: a.b.example.org, LoadBalancerName: mine",
    BALANCER % "MainDomain: www.example.org",
    BALANCER % "VersionDomain: a.b.example.org, HealthCheckProtocol: UDP",
    BALANCER % "Domains: {M: {Type: weighted, Zone: example.org., Subdomain: a}, S: {Type: standalone, Zone: x.test., Subdomain: b}}",
    BALANCER % "SSLCertificateId: 'arn:aws:iam::1:server-certificate/x', HealthCheck: {Target: 'TCP:1'}",
    BALANCER % ("SSLCertificateId: '%s'" % ARN),
    BALANCER % "Listeners: [{Protocol: HTTPS, LoadBalancerPort: 1}, {Protocol: TCP, LoadBalancerPort: 2}]",
    "SenzaInfo: {StackName: a-very-long-application-name-indeed}\n" + CLASSIC % "NameSuffix: pub",
    CLASSIC % "Domains: {S: {Type: standalone, Zone: example.org., Subdomain: b}}, SSLCertificateId: 'arn:aws:iam::1:server-certificate/x'",
    BALANCER_V2 % "",
    BALANCER_V2 % "Scheme: internet-facing, HealthCheckPath: /h, HealthCheckPort: 9, HealthCheckProtocol: HTTPS, NameSuffix: pub",
    BALANCER_V2 % "MainDomain: www.example.org, VersionDomain: a.b.example.org, LoadBalancerName: a--much-too-long-name-for-a-balancer-",
    BALANCER_V2 % "LoadBalancerName: mine, NameSuffix: ignored, VpcId: vpc-2, HttpRedirect: true, IpAddressType: dualstack",
    BALANCER_V2 % "Tags: [{Key: a, Value: b}], Subnets: [s], TargetGroupAttributes: [{Key: x, Value: y}], LoadBalancerAttributes: [], "
    "HealthCheckIntervalSeconds: 20, HealthCheckTimeoutSeconds: 9, HealthyThresholdCount: 3, UnhealthyThresholdCount: 4, "
    "SslPolicy: ignored, Matcher: {HttpCode: '200'}, LoadBalancerType: network, ListenerPort: 1, ListenerProtocol: TCP",
    BALANCER_V2 % "Port: 8443, Protocol: HTTPS, DefaultActions: [{Type: forward}], Certificates: [{CertificateArn: c}]",
    BALANCER_V2 % ("SSLCertificateId: '%s'" % ARN),
    BALANCER_V2 % "SSLCertificateId: 'arn:aws:iam::1:server-certificate/x,arn:aws:iam::1:server-certificate/y'",
    BALANCER_V2 % "SSLCertificateId: ['arn:aws:iam::1:server-certificate/x', 'arn:aws:iam::1:server-certificate/x']",
    BALANCER_V2 % "Listeners: [{Type: L, Properties: {Port: 80, Protocol: HTTP, LoadBalancerArn: {Ref: Lb}}}, {Type: L, Properties: "
    "{Port: 81, SslPolicy: a}}, {Type: L, Properties: {Port: 82}}], SslPolicy: b",
    BALANCER_V2 % "Domains: {M: {Type: weighted, Zone: example.org., Subdomain: a}, N: {Type: weighted, Zone: example.org., "
    "Subdomain: b}, S: {Type: standalone, Zone: x.test., Subdomain: b}}",
    APPLICATION % "",
    "SenzaInfo: {StackName: a-very-long-application-name-indeed}\n" + APPLICATION % "NameSuffix: pub",
    APPLICATION % "Domains: {S: {Type: standalone, Zone: example.org., Subdomain: b}}",
    "SenzaComponents: [{R: {Type: 'Senza::IamRole'}}]",
    "SenzaComponents: [{R: {Type: 'Senza::IAMRole', Path: /p/, Policies: [{PolicyName: x, PolicyDocument: {a: b}}], "
    "MergePoliciesFromIamRoles: [a, b], AssumeRolePolicyDocument: {Version: x}, RoleName: ignored}}]",
    REDIS_NODE % "",
    REDIS_NODE % "EngineVersion: 3.2.4, CacheParameterGroupName: p, CacheNodeType: cache.m3.medium, Port: 1",
    REDIS_CLUSTER % "",
    REDIS_CLUSTER % "NumberOfNodes: '3', EngineVersion: 3.2.4, CacheParameterGroupName: p, CacheNodeType: cache.m3.medium, Engine: valkey",
    "SenzaComponents: [{C: {Type: 'Senza::CoreosAutoConfiguration', ReleaseChannel: beta, Images: {X: {eu-west-1: ami-x}}}}]",
    "SenzaComponents: [{C: {Type: 'Senza::CoreosAutoConfiguration'}}]",
    SPOT % "",
    SPOT % "SpotAlternatives: [m4.xlarge, c4.large], SpotPrice: 0.1, Image: Own, AssociatePublicIpAddress: true, "
    "SecurityGroups: app-hello-world, IamRoles: [one], IamInstanceProfile: ignored",
    SPOT % "SecurityGroups: [app-hello-world, sg-1], IamRoles: [a, b], ElasticLoadBalancer: Lb, HealthCheckGracePeriod: 60",
    SPOT % "IamInstanceProfile: 'arn:aws:iam::1:instance-profile/x', ElasticLoadBalancer: [A, B], ElasticLoadBalancerV2: [C, D]",
    SPOT % "IamInstanceProfile: mine, ElasticLoadBalancerV2: C, TargetGroupARNs: [x, y], HealthCheckType: EC2",
    SPOT % "BlockDeviceMappings: [{DeviceName: /dev/sdb, Ebs: {VolumeSize: 10, VolumeType: io1, Iops: 300}}, {DeviceName: /dev/sdc, "
    "Ebs: {VolumeSize: '20'}}]",
    SPOT % "AutoScaling: {Minimum: 2, Maximum: 10, DesiredCapacity: 20, MetricType: CPU, ScaleUpThreshold: 42, "
    "ScaleDownThreshold: '10', Period: 60, EvaluationPeriods: 10, ScalingAdjustment: 2, Cooldown: 90}",
    SPOT % "AutoScaling: {Minimum: '3', Maximum: '3', DesiredCapacity: 1, MetricType: NetworkIn, ScaleUpThreshold: '5.7 TB', "
    "ScaleUpAdjustment: '3', ScaleUpCooldown: '5', Statistic: Maximum}",
    SPOT % "AutoScaling: {Minimum: 1, Maximum: 2, ScaleDownThreshold: 10.5}",
    SPOT % "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: NetworkOut, ScaleUpThreshold: 10, ScaleDownThreshold: '5'}",
    SPOT % "TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1', environment: {A: {Ref: B}, C: {Stack: s, Output: O}}}",
    SPOT % "TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1', application_id: other}, Elastigroup: {compute: "
    "{launchSpecification: {userData: mine}}}",
    SPOT % "AssociatePublicIpAddress: true, SecurityGroups: [sg-1], IamRoles: [one], ElasticLoadBalancer: A, BlockDeviceMappings: "
    "[{DeviceName: d, Ebs: {VolumeSize: 1}}], AutoScaling: {Minimum: 5, Maximum: 6, ScaleUpThreshold: 1}, Elastigroup: {name: n, "
    "region: us-east-1, scheduling: {a: b}, thirdPartiesIntegration: {c: d}, strategy: {risk: 1}, capacity: {target: 9}, scaling: "
    "{up: []}, compute: {product: P, subnetIds: [s], instanceTypes: {ondemand: o}, launchSpecification: {monitoring: false, tags: "
    "[{tagKey: Name, tagValue: x}, {tagKey: k, tagValue: v}, {tagKey: name, tagValue: y}], loadBalancersConfig: {a: b}, "
    "healthCheckType: H, healthCheckGracePeriod: 7, networkInterfaces: [n], imageId: i, securityGroupIds: [g], "
    "blockDeviceMappings: [m], iamRole: {name: r}}}}",
    SPOT % "Elastigroup: {name: '', compute: {subnetIds: []}}, ElasticLoadBalancer: A, HealthCheckType: X",
]


class Subnets:
    """Stands for boto3's EC2 resource."""

    @property
    def subnets(self):
        return self

    def filter(self, **_):
        return [
            SimpleNamespace(id=id, availability_zone=zone, tags=[{"Key": "Name", "Value": name}])
            for id, zone, name in SUBNETS
        ]


class CloudFormation:
    """Stands for a client that knows one finished stack."""

    def describe_stacks(self, **_):
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": [{"OutputKey": "O", "OutputValue": "0755"}]}]}


class Gateways:
    """Stands for boto3's EC2 client."""

    def describe_nat_gateways(self):
        return {
            "NatGateways": [
                {"SubnetId": subnet, "NatGatewayAddresses": [{"PrivateIp": address}]} for subnet, address in GATEWAYS
            ]
        }


def hosted_zones(domain_name=None, id=None):
    zone = Route53HostedZone("/hostedzone/Z1", "example.org.", "", {}, 0)
    return iter([zone] if domain_name is None or domain_name.rstrip(".").endswith("example.org") else [])


def policies(roles):
    return [{"PolicyName": role, "PolicyDocument": {"Version": "2012-10-17"}} for role in roles]


def generate(text):
    document = yaml.safe_load(text)
    info = document.pop("SenzaInfo", {})
    info = {"StackName": "hello-world", "StackVersion": "v1", **info}
    arguments = SimpleNamespace(region="eu-west-1", version="v1", ImageVersion="1.0")
    account = senza.definitions.AccountArguments("eu-west-1")
    account._AccountArguments__VpcID = "vpc-1"
    for entry in document.pop("SenzaComponents"):
        name, configuration = next(iter(entry.items()))
        configuration = copy.deepcopy(configuration)
        configuration["Name"] = name
        component = senza.components.get_component(configuration["Type"])
        document = component(document, configuration, arguments, info, True, account)
    return yaml.safe_load(yaml.dump(document, default_flow_style=False))


def main(path):
    certificate = SimpleNamespace(arn=ARN)
    with (
        mock.patch("boto3.resource", lambda *_: Subnets()),
        mock.patch("boto3.client", lambda *_: Gateways()),
        mock.patch.object(senza.aws, "BotoClientProxy", lambda *_: CloudFormation()),
        mock.patch.object(senza.aws, "get_security_group", lambda _, name: SimpleNamespace(id=GROUPS[name])),
        mock.patch.object(
            senza.stups.taupage,
            "find_image",
            lambda _, channel: SimpleNamespace(id="ami-1") if channel == senza.stups.taupage.DEFAULT_CHANNEL else None,
        ),
        mock.patch.object(auto_scaling_group, "get_merged_policies", policies),
        mock.patch.object(auto_scaling_group, "resolve_topic_arn", lambda *_: "arn:aws:sns:eu-west-1:1:ops"),
        mock.patch.object(elastic_load_balancer, "convert_cname_records_to_alias", lambda _: None),
        mock.patch.object(elastic_load_balancer_v2, "convert_cname_records_to_alias", lambda _: None),
        mock.patch.object(iam_role, "get_merged_policies", policies),
        mock.patch.object(coreos_auto_configuration, "find_coreos_image", lambda channel, _: "ami-" + channel),
        mock.patch.object(Route53, "get_hosted_zones", staticmethod(hosted_zones)),
        mock.patch.object(ACM, "get_certificates", lambda *_, **__: iter([certificate])),
        mock.patch.object(ACMCertificate, "get_by_arn", lambda *_: certificate),
        mock.patch.object(IAM, "get_certificates", lambda *_, **__: iter([])),
    ):
        vectors = [{"definition": text, "template": generate(text)} for text in DEFINITIONS]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(vectors, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
