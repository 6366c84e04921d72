//! The `redisnode` and `rediscluster` templates: Redis that AWS operates.

use super::answers::Answers;
use super::application::head;
use super::scalar::scalar;
use super::{checks, questions, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const NODE_DESCRIPTION: &str = "ElastiCache: one Redis node, for what may be lost";

pub(super) const CLUSTER_DESCRIPTION: &str = "ElastiCache: replicated Redis that survives the loss of a node";

pub(super) const NODE_VARIABLES: [&str; 2] = ["application_id", "instance_type"];

pub(super) const CLUSTER_VARIABLES: [&str; 3] = ["application_id", "instance_type", "number_of_nodes"];

pub(super) async fn prepare_node(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let id = questions::application_id(answers, checks::short_application_id)?;
    let node_type = questions::instance_type(answers, "cache.t4g.small", checks::cache_node_type)?;
    security_groups::ensure_for_redis(answers, account, &id).await?;
    Ok(definition(&id, &node_type, None))
}

pub(super) async fn prepare_cluster(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let id = questions::application_id(answers, checks::short_application_id)?;
    let node_type = questions::instance_type(answers, "cache.t4g.medium", checks::cache_node_type)?;
    let nodes = answers.value("number_of_nodes", "Number of nodes", Some("2"), checks::number_of_nodes)?;
    security_groups::ensure_for_redis(answers, account, &id).await?;
    Ok(definition(&id, &node_type, Some(nodes)))
}

/// A cluster of so many nodes; without a number one node.
fn definition(id: &str, node_type: &str, nodes: Option<u8>) -> String {
    let name = scalar(id);
    let (component_type, number_of_nodes) = match nodes {
        Some(nodes) => ("Senza::RedisCluster", format!("      NumberOfNodes: {nodes}\n")),
        None => ("Senza::RedisNode", String::new()),
    };
    let redis = format!(
        r"
  # the nodes, and the subnets that they are in
  - {name}:
      Type: {component_type}
      CacheNodeType: {node_type}
{number_of_nodes}      SecurityGroups:
        - redis-{id}
"
    );
    head(id, "") + &redis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_as_they_are_written() {
        let cluster = stups_yaml::load(&definition("cache", "cache.t4g.medium", Some(3))).unwrap();
        assert_eq!(
            cluster.to_json()["SenzaComponents"][1],
            serde_json::json!({"cache": {
                "Type": "Senza::RedisCluster",
                "CacheNodeType": "cache.t4g.medium",
                "NumberOfNodes": 3,
                "SecurityGroups": ["redis-cache"],
            }})
        );
        let node = definition("on", "cache.t4g.small", None);
        let node = stups_yaml::load(&node).unwrap();
        let components = node.get("SenzaComponents").unwrap().as_list().unwrap();
        let redis = components[1].get("on").unwrap();
        assert_eq!(redis.get("Type").unwrap().as_str(), Some("Senza::RedisNode"));
        assert!(redis.get("NumberOfNodes").is_none());
    }
}
