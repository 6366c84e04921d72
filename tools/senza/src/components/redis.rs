//! Senza::RedisNode and Senza::RedisCluster: ElastiCache with Redis.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::group_properties::SECURITY_GROUPS;
use super::properties::Properties;
use super::property_table::{Property, any, boolean, integer, list, text};
use super::resources::{add, find_in_map, members};
use super::{Component, Generation, reference, security_groups};
use crate::Error;

/// Every property of Senza::RedisNode.
pub(super) const NODE_PROPERTIES: &[&[Property]] = &[COMMON, SERVER, NODE_PASSED_ON];

/// Every property of Senza::RedisCluster.
pub(super) const CLUSTER_PROPERTIES: &[&[Property]] = &[COMMON, CLUSTER, SERVER, CLUSTER_PASSED_ON];

/// What is known of both kinds.
const COMMON: &[Property] = &[
    SECURITY_GROUPS.required(),
    text("EngineVersion", "version of the engine").default("7.1; at 2.1 2.8.19, which AWS has no more"),
    text("CacheParameterGroupName", "parameters of the engine").default("the version's default group"),
    text("CacheNodeType", "type of the nodes").default("cache.t4g.small; at 2.1 cache.t2.small"),
];

const CLUSTER: &[Property] = &[
    integer("NumberOfNodes", "the primary node and its replicas").default("2"),
    text("Engine", "the engine")
        .one_of(&["redis", "valkey"])
        .default("redis")
        .since_3(),
];

/// Properties that CloudFormation has for both kinds and senza 2.1 ignores.
const SERVER: &[Property] = &[
    boolean("AutoMinorVersionUpgrade", "as in CloudFormation").since_3(),
    text("IpDiscovery", "ipv4 or ipv6").since_3(),
    list("LogDeliveryConfigurations", "as in CloudFormation").since_3(),
    text("NetworkType", "ipv4, ipv6 or dual_stack").since_3(),
    text("NotificationTopicArn", "SNS topic that is told of events").since_3(),
    integer("Port", "port of the nodes").since_3(),
    text("PreferredMaintenanceWindow", "as in CloudFormation").since_3(),
    list("SnapshotArns", "snapshots to begin with").since_3(),
    text("SnapshotName", "snapshot to begin with").since_3(),
    integer("SnapshotRetentionLimit", "days that snapshots are kept").since_3(),
    text("SnapshotWindow", "as in CloudFormation").since_3(),
    list("Tags", "tags, each with Key and Value").since_3(),
];

/// The same for a single node.
const NODE_PASSED_ON: &[Property] = &[text("PreferredAvailabilityZone", "as in CloudFormation").since_3()];

/// The same for a cluster.
const CLUSTER_PASSED_ON: &[Property] = &[
    boolean("AtRestEncryptionEnabled", "whether data is encrypted on disk")
        .default("true")
        .since_3(),
    text("AuthToken", "password of the nodes; needs TransitEncryptionEnabled").since_3(),
    boolean("AutomaticFailoverEnabled", "whether a replica takes over")
        .default("true with several nodes")
        .since_3(),
    text("KmsKeyId", "key of the encryption").since_3(),
    boolean(
        "MultiAZEnabled",
        "whether the nodes stand in several availability zones",
    )
    .default("true with several nodes")
    .since_3(),
    any("NodeGroupConfiguration", "as in CloudFormation").since_3(),
    boolean("TransitEncryptionEnabled", "whether connections are encrypted")
        .default("true")
        .since_3(),
    text("TransitEncryptionMode", "preferred or required").since_3(),
    list("UserGroupIds", "user groups that may connect").since_3(),
];

/// What senza 2.1 makes unless the definition says otherwise: version, parameter group, type of nodes.
const OLD_DEFAULTS: [&str; 3] = ["2.8.19", "default.redis2.8", "cache.t2.small"];

/// Applies Senza::RedisNode.
pub(super) async fn apply_node(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let mut node = members(json!({"ClusterName": component.name, "NumCacheNodes": 1, "Engine": "redis"}));
    add_server(&properties, "redis", &mut node, "VpcSecurityGroupIds", generation).await?;
    if generation.is_current() {
        reference::pass_on(&properties, SERVER, &mut node, generation).await?;
        reference::pass_on(&properties, NODE_PASSED_ON, &mut node, generation).await?;
    }
    let node_type = "AWS::ElastiCache::CacheCluster";
    add(generation.template, "RedisCacheCluster", node_type, node)?;
    add_subnet_group(generation)
}

/// Applies Senza::RedisCluster.
pub(super) async fn apply_cluster(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let nodes = properties.integer("NumberOfNodes")?.unwrap_or(2);
    let engine = match properties.filled_text("Engine")? {
        Some(engine) if generation.is_current() => engine,
        _ => "redis".to_owned(),
    };
    if !["redis", "valkey"].contains(&engine.as_str()) {
        return Err(properties.error("Engine", &format!("must be redis or valkey, not \"{engine}\"")));
    }
    let mut group = members(json!({
        "AutomaticFailoverEnabled": true,
        "NumCacheClusters": nodes,
        "Engine": engine,
        "ReplicationGroupDescription": format!("Redis replicated cache cluster: {}", component.name),
    }));
    add_server(&properties, &engine, &mut group, "SecurityGroupIds", generation).await?;
    if generation.is_current() {
        for (name, value) in [
            ("AutomaticFailoverEnabled", nodes > 1),
            ("MultiAZEnabled", nodes > 1),
            ("AtRestEncryptionEnabled", true),
            ("TransitEncryptionEnabled", true),
        ] {
            group.insert(name.to_owned(), json!(value));
        }
        reference::pass_on(&properties, SERVER, &mut group, generation).await?;
        reference::pass_on(&properties, CLUSTER_PASSED_ON, &mut group, generation).await?;
    }
    let group_type = "AWS::ElastiCache::ReplicationGroup";
    add(generation.template, "RedisReplicationGroup", group_type, group)?;
    add_subnet_group(generation)
}

/// Version, parameters, type, subnets and security groups of the nodes.
async fn add_server(
    properties: &Properties<'_>,
    engine: &str,
    server: &mut JsonMap<String, Json>,
    security_groups: &str,
    generation: &Generation<'_>,
) -> Result<(), Error> {
    let groups = security_groups::resolve(properties, generation.account)
        .await?
        .ok_or_else(|| properties.error("SecurityGroups", "is missing, give a list of security groups"))?;
    let [version, parameters, node_type] = if generation.is_current() {
        let version = properties
            .filled_text("EngineVersion")?
            .unwrap_or_else(|| if engine == "valkey" { "8.0" } else { "7.1" }.to_owned());
        let parameters = default_parameter_group(engine, &version);
        [version, parameters, "cache.t4g.small".to_owned()]
    } else {
        OLD_DEFAULTS.map(str::to_owned)
    };
    for (name, default) in [
        ("EngineVersion", version),
        ("CacheParameterGroupName", parameters),
        ("CacheNodeType", node_type),
    ] {
        let value = match properties.get(name) {
            Some(value) => reference::resolve(value, &properties.path(name), generation.account).await?,
            None => Json::from(default),
        };
        server.insert(name.to_owned(), value);
    }
    server.insert("CacheSubnetGroupName".to_owned(), json!({"Ref": "RedisSubnetGroup"}));
    server.insert(security_groups.to_owned(), groups);
    Ok(())
}

/// AWS's own group of parameters for a version: `default.redis2.8`, `default.redis6.x`, `default.redis7`, `default.valkey8`.
fn default_parameter_group(engine: &str, version: &str) -> String {
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or_default();
    let family = match (major.parse::<u32>(), parts.next()) {
        (Ok(6), _) => "6.x".to_owned(),
        (Ok(..=5), Some(minor)) => format!("{major}.{minor}"),
        _ => major.to_owned(),
    };
    format!("default.{engine}{family}")
}

fn add_subnet_group(generation: &mut Generation<'_>) -> Result<(), Error> {
    let subnets = members(json!({
        "Description": "Redis cluster subnet group",
        "SubnetIds": find_in_map("ServerSubnets", &json!("Subnets")),
    }));
    add(
        generation.template,
        "RedisSubnetGroup",
        "AWS::ElastiCache::SubnetGroup",
        subnets,
    )
}

#[cfg(test)]
mod tests {
    use super::default_parameter_group;

    #[test]
    fn parameter_groups_follow_the_version() {
        for (engine, version, expected) in [
            ("redis", "2.8.19", "default.redis2.8"),
            ("redis", "5.0.6", "default.redis5.0"),
            ("redis", "6.2", "default.redis6.x"),
            ("redis", "7.1", "default.redis7"),
            ("valkey", "7.2", "default.valkey7"),
            ("valkey", "8.0", "default.valkey8"),
            ("valkey", "8", "default.valkey8"),
        ] {
            assert_eq!(default_parameter_group(engine, version), expected, "{engine} {version}");
        }
    }
}
