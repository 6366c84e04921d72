//! The properties of the components that launch instances.

use super::property_table::{Kind, Property, any, boolean, integer, list, list_of, map, number, open_map, text, texts};

/// Properties that overwrite those of the launch configuration.
pub(super) const LAUNCH_OVERRIDES: &[Property] = &[
    INSTANCE_TYPE.required().unless(&["InstanceRequirements"]),
    text("ImageId", "id of the machine image, instead of Image"),
    ASSOCIATE_PUBLIC_IP_ADDRESS,
    boolean("EbsOptimized", "whether instances have throughput of their own for EBS").default("false"),
    any("UserData", "user data of the instances; text is encoded"),
    IAM_INSTANCE_PROFILE,
    BLOCK_DEVICE_MAPPINGS,
    SPOT_PRICE,
    boolean("InstanceMonitoring", "whether CloudWatch monitors instances in detail").default("true"),
];

/// Properties that the group gets whether or not Senza makes them.
pub(super) const GROUP_ADDITIONS: &[Property] = &[
    list("MetricsCollection", "as in CloudFormation"),
    TARGET_GROUP_ARNS,
    list("TerminationPolicies", "as in CloudFormation"),
    text("PlacementGroup", "as in CloudFormation"),
];

/// The same, of which senza 2.1 knows nothing.
pub(super) const NEW_GROUP_ADDITIONS: &[Property] = &[
    boolean(
        "CapacityRebalance",
        "whether spot instances at risk are replaced in advance",
    )
    .default("true for spot instances")
    .since_3(),
    integer("DefaultInstanceWarmup", "seconds until an instance counts").since_3(),
    list("LifecycleHookSpecificationList", "as in CloudFormation").since_3(),
    integer("MaxInstanceLifetime", "seconds after which an instance is replaced").since_3(),
    boolean("NewInstancesProtectedFromScaleIn", "as in CloudFormation").since_3(),
    text("ServiceLinkedRoleARN", "as in CloudFormation").since_3(),
];

/// Properties that overwrite what Senza made; senza 2.1 ignores them where it made nothing.
pub(super) const GROUP_OVERRIDES: &[Property] = &[
    text("LaunchConfigurationName", "an own launch configuration"),
    list("VPCZoneIdentifier", "subnets of the instances").default("the mapping ServerSubnets"),
    any("NotificationConfiguration", "as in CloudFormation").default("SenzaInfo's OperatorTopicId"),
    list("LoadBalancerNames", "classic load balancers by name"),
    HEALTH_CHECK_TYPE.default("ELB with a load balancer, else EC2"),
    HEALTH_CHECK_GRACE_PERIOD,
    integer("MaxSize", "instead of AutoScaling/Maximum"),
    integer("MinSize", "instead of AutoScaling/Minimum"),
    integer("DesiredCapacity", "instead of AutoScaling/DesiredCapacity"),
];

/// What else is read from the component.
pub(super) const EVALUATED: &[Property] = &[
    IMAGE.required().unless(&["ImageId"]),
    SECURITY_GROUPS,
    IAM_ROLES,
    list_of(
        "Tags",
        &Kind::Map(&[
            text("Key", "the tag's key").required(),
            text("Value", "its value").required(),
        ]),
        "tags in addition to Name, StackName and StackVersion",
    ),
    ELASTIC_LOAD_BALANCER,
    ELASTIC_LOAD_BALANCER_V2,
    AUTO_SCALING,
    open_map(
        "MetadataOptions",
        &[],
        "options of the metadata service; ignored at 2.1",
    )
    .default("HttpTokens required, HttpPutResponseHopLimit 2"),
];

/// The same for Taupage, which has a default image.
pub(super) const TAUPAGE_EVALUATED: &[Property] = &[
    IMAGE.default("LatestTaupageImage"),
    EVALUATED[1],
    EVALUATED[2],
    EVALUATED[3],
    EVALUATED[4],
    EVALUATED[5],
    EVALUATED[6],
    EVALUATED[7],
    TAUPAGE_CONFIG.required(),
];

/// Properties that only groups with launch templates have.
pub(super) const LAUNCH_TEMPLATE: &[Property] = &[
    text("KeyName", "name of an SSH key").since_3(),
    text("PlacementTenancy", "tenancy of the instances")
        .one_of(&["default", "dedicated", "host"])
        .since_3(),
    SPOT_ALTERNATIVES,
    integer(
        "SpotPercentage",
        "share of spot instances above OnDemandBase, in percent",
    )
    .default("100 with any of SpotPrice, SpotAlternatives, OnDemandBase")
    .since_3(),
    integer("OnDemandBase", "number of instances that are never spot instances")
        .default("0")
        .since_3(),
    open_map(
        "InstanceRequirements",
        &[],
        "properties of instances instead of InstanceType",
    )
    .since_3(),
    integer("Ipv6AddressCount", "number of IPv6 addresses of an instance").since_3(),
];

/// What makes resources or attributes beside the group.
pub(super) const BESIDE: &[Property] = &[
    any(
        "UpdatePolicy",
        "how an update replaces instances: rolling, or a map as in CloudFormation",
    )
    .default("it does not")
    .since_3(),
    map(
        "WarmPool",
        &[
            integer("MinSize", "number of instances that are kept ready").default("0"),
            integer("MaxGroupPreparedCapacity", "size of group and pool together"),
            text("PoolState", "state of the instances in the pool")
                .one_of(&["Stopped", "Running", "Hibernated"])
                .default("Stopped"),
            open_map("InstanceReusePolicy", &[], "as in CloudFormation"),
        ],
        "instances that are started in advance",
    )
    .since_3(),
    texts(
        "EventTargets",
        "ARNs or references of what EventBridge tells when instances are launched and terminated",
    )
    .since_3(),
];

pub(super) const INSTANCE_TYPE: Property = text("InstanceType", "EC2 instance type");
pub(super) const ASSOCIATE_PUBLIC_IP_ADDRESS: Property =
    boolean("AssociatePublicIpAddress", "whether instances get a public address").default("false");
pub(super) const IAM_INSTANCE_PROFILE: Property = text(
    "IamInstanceProfile",
    "an own instance profile, by name or ARN, instead of IamRoles",
);
pub(super) const BLOCK_DEVICE_MAPPINGS: Property = list("BlockDeviceMappings", "volumes, as in CloudFormation");
pub(super) const SPOT_PRICE: Property = number("SpotPrice", "highest price of an instance in dollars per hour");
pub(super) const SPOT_ALTERNATIVES: Property =
    list("SpotAlternatives", "instance types that may be used as well").since_3();
pub(super) const TARGET_GROUP_ARNS: Property = list(
    "TargetGroupARNs",
    "target groups, instead of those of ElasticLoadBalancerV2",
);
pub(super) const HEALTH_CHECK_TYPE: Property = text("HealthCheckType", "who says that an instance is healthy");
pub(super) const HEALTH_CHECK_GRACE_PERIOD: Property = integer(
    "HealthCheckGracePeriod",
    "seconds after launch in which health does not count",
)
.default("300");
pub(super) const IMAGE: Property = text("Image", "a key of the mapping Images");
pub(super) const SECURITY_GROUPS: Property = Property {
    kind: Kind::OneOrSeveral(&Kind::Text),
    ..text("SecurityGroups", "security groups by name, id or reference")
};
pub(super) const IAM_ROLES: Property = texts(
    "IamRoles",
    "IAM role by name or reference; the inline policies of several are merged",
);
pub(super) const ELASTIC_LOAD_BALANCER: Property = texts(
    "ElasticLoadBalancer",
    "classic load balancers of this definition, by name",
);
pub(super) const ELASTIC_LOAD_BALANCER_V2: Property = texts(
    "ElasticLoadBalancerV2",
    "application or network load balancers of this definition, by name",
);

/// Size of a group, and what makes it grow and shrink.
pub(super) const AUTO_SCALING: Property = map(
    "AutoScaling",
    &[
        integer("Minimum", "smallest size").required(),
        integer("Maximum", "largest size").required(),
        integer("DesiredCapacity", "size at the beginning").default("1, at least Minimum"),
        text(
            "SuccessRequires",
            "how many instances must report success, and in which time",
        )
        .default("1 within 15m"),
        integer("ScalingAdjustment", "by how many instances the group grows and shrinks").default("1"),
        integer("ScaleUpAdjustment", "by how many instances it grows").default("ScalingAdjustment"),
        integer("ScaleDownAdjustment", "by how many instances it shrinks").default("ScalingAdjustment"),
        integer("Cooldown", "seconds between two changes").default("60"),
        integer("ScaleUpCooldown", "seconds after growing").default("Cooldown"),
        integer("ScaleDownCooldown", "seconds after shrinking").default("Cooldown"),
        text(
            "MetricType",
            "what the group is scaled by: CPU, NetworkIn, NetworkOut, and with Target also RequestCount",
        )
        .default("none"),
        text("ScaleUpThreshold", "percent, or an amount such as 50 MB"),
        text("ScaleDownThreshold", "percent, or an amount such as 10 MB"),
        integer("Period", "seconds of a measurement").default("300"),
        integer("EvaluationPeriods", "measurements until an alarm").default("2"),
        text("Statistic", "statistic of the metric").default("Average"),
        number("Target", "the value to keep the metric at, instead of thresholds").since_3(),
    ],
    "size of the group and rules of its scaling",
)
.default("one instance");

/// What Taupage does with an instance.
pub(super) const TAUPAGE_CONFIG: Property = open_map(
    "TaupageConfig",
    &[
        text("runtime", "the runtime").one_of(&["Docker"]).required(),
        text("source", "the Docker image: registry/team/artifact:tag").required(),
        text("application_id", "the application in Kio").default("the stack's name"),
        text("application_version", "its version").default("the stack's version"),
        open_map("notify_cfn", &[], "stack and resource that are told of success").default("this stack and group"),
        any("ports", "map of the instance's ports to the container's"),
        open_map("environment", &[], "environment variables of the container"),
        text("health_check_path", "path that answers 200 when the application is up"),
        integer("health_check_port", "port of the health check"),
        text("mint_bucket", "bucket with the application's credentials"),
        open_map("volumes", &[], "volumes of the instance"),
        open_map("mounts", &[], "where volumes are mounted"),
        boolean("root", "whether the container runs as root"),
        boolean("privileged", "whether the container is privileged"),
    ],
    "user data of the Taupage instances",
);
