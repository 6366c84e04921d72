//! Roles, Redis and Flatcar at today's compatibility; senza 2.1's are among the original's templates.

use serde_json::json;

use super::*;
use crate::http::test_server::{answer, serve};

#[tokio::test]
async fn roles_take_what_cloudformation_has_and_the_policies_of_others() {
    let policy = |name: &str| json!({"PolicyName": name, "PolicyDocument": {}});
    let answers = Answers {
        role_policies: vec![("other", vec![policy("theirs")])],
        ..standard()
    };
    let definition = "SenzaComponents: [{R: {Type: 'Senza::IamRole', Policies: [{PolicyName: mine, PolicyDocument: {}}], \
                      MergePoliciesFromIamRoles: [other], ManagedPolicyArns: [arn], PermissionsBoundary: b, RoleName: n, Odd: 1}}]";
    let generated = generate(definition, Senza3, answers).await;
    assert!(generated.warnings().contains("SenzaComponents/R/Odd: unknown property"));
    let role = generated.at("/Resources/R/Properties");
    assert_eq!(role["Policies"], json!([policy("mine"), policy("theirs")]));
    assert_eq!(role["Path"], "/");
    assert_eq!(
        (
            &role["ManagedPolicyArns"],
            &role["PermissionsBoundary"],
            &role["RoleName"]
        ),
        (&json!(["arn"]), &json!("b"), &json!("n"))
    );
    assert_eq!(
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"],
        json!({"Service": ["ec2.amazonaws.com"]})
    );
    for (properties, expected) in [
        ("Policies: x", "Policies: must be a list of policies, not text"),
        (
            "MergePoliciesFromIamRoles: [{Ref: A}]",
            "MergePoliciesFromIamRoles/0: must be the name of an IAM role, not a map",
        ),
    ] {
        let definition = format!("SenzaComponents: [{{R: {{Type: 'Senza::IamRole', {properties}}}}}]");
        let error = generate(&definition, Senza3, standard()).await.error();
        assert_eq!(error, format!("SenzaComponents/R/{expected}"));
    }
}

async fn redis(component_type: &str, properties: &str) -> Generated {
    let definition = format!(
        "SenzaComponents: [{{redis: {{Type: 'Senza::{component_type}', SecurityGroups: [app-hello-world], {properties}}}}}]"
    );
    generate(&definition, Senza3, standard()).await
}

#[tokio::test]
async fn redis_is_of_today() {
    let node = redis("RedisNode", "SnapshotRetentionLimit: 3").await;
    assert_eq!(
        node.at("/Resources/RedisCacheCluster"),
        json!({"Type": "AWS::ElastiCache::CacheCluster", "Properties": {
            "ClusterName": "redis", "Engine": "redis", "EngineVersion": "7.1", "CacheParameterGroupName": "default.redis7",
            "CacheNodeType": "cache.t4g.small", "NumCacheNodes": 1, "VpcSecurityGroupIds": ["sg-app"],
            "CacheSubnetGroupName": {"Ref": "RedisSubnetGroup"}, "SnapshotRetentionLimit": 3,
        }})
    );
    let cluster = redis(
        "RedisCluster",
        "Engine: valkey, NumberOfNodes: 3, AuthToken: '{{resolve:ssm-secure:x}}'",
    )
    .await;
    assert_eq!(
        cluster.at("/Resources/RedisReplicationGroup/Properties"),
        json!({
            "Engine": "valkey", "EngineVersion": "8.0", "CacheParameterGroupName": "default.valkey8",
            "CacheNodeType": "cache.t4g.small", "NumCacheClusters": 3, "AutomaticFailoverEnabled": true,
            "MultiAZEnabled": true, "AtRestEncryptionEnabled": true, "TransitEncryptionEnabled": true,
            "SecurityGroupIds": ["sg-app"], "CacheSubnetGroupName": {"Ref": "RedisSubnetGroup"},
            "ReplicationGroupDescription": "Redis replicated cache cluster: redis",
            "AuthToken": "{{resolve:ssm-secure:x}}",
        })
    );
    let single = redis(
        "RedisCluster",
        "NumberOfNodes: '1', EngineVersion: '6.2', TransitEncryptionEnabled: false",
    )
    .await
    .at("/Resources/RedisReplicationGroup/Properties");
    for (name, expected) in [
        ("AutomaticFailoverEnabled", json!(false)),
        ("MultiAZEnabled", json!(false)),
        ("TransitEncryptionEnabled", json!(false)),
        ("CacheParameterGroupName", json!("default.redis6.x")),
    ] {
        assert_eq!(single[name], expected, "{name}");
    }
    assert_eq!(
        redis("RedisCluster", "Engine: memcached").await.error(),
        "SenzaComponents/redis/Engine: must be redis or valkey, not \"memcached\""
    );
    let definition = "SenzaComponents: [{redis: {Type: 'Senza::RedisNode'}}]";
    assert_eq!(
        generate(definition, Senza2, standard()).await.error(),
        "SenzaComponents/redis/SecurityGroups: is missing, give a list of security groups"
    );
}

const COREOS: &str = "SenzaComponents: [{C: {Type: 'Senza::CoreosAutoConfiguration', Architecture: arm64}}]";

#[tokio::test]
async fn coreos_is_flatcar() {
    let (address, seen) = serve(|_, _| {
        answer(
            "200 OK",
            "",
            "{\"amis\": [{\"name\": \"eu-west-1\", \"pv\": \"x\", \"hvm\": \"ami-flatcar\"}]}",
        )
    });
    let answers = Answers {
        coreos_feed: Some(format!("http://{address}/{{channel}}/{{architecture}}")),
        ..standard()
    };
    let generated = generate(COREOS, Senza3, answers).await;
    assert_eq!(
        generated.at("/Mappings/Images/eu-west-1/LatestCoreOSImage"),
        "ami-flatcar"
    );
    assert_eq!(
        generated.at("/Mappings/ServerSubnets/eu-west-1/Subnets"),
        json!(["subnet-i1", "subnet-i2"])
    );
    let asked: Vec<String> = seen.try_iter().map(|(first, _)| first).collect();
    assert_eq!(asked, ["GET /stable/arm64 HTTP/1.1"]);
}

#[tokio::test]
async fn a_list_of_flatcar_images_that_is_of_no_use_is_named() {
    for (status, body, expected) in [
        ("404 Not Found", "", "can't be read: the server answered 404 Not Found"),
        ("200 OK", "<html>", "is not JSON: "),
        ("200 OK", "{\"amis\": []}", "has none for eu-west-1"),
    ] {
        let (address, _seen) = serve(move |_, _| answer(status, "", body));
        let answers = Answers {
            coreos_feed: Some(format!("http://{address}")),
            ..standard()
        };
        let error = generate(COREOS, Senza3, answers).await.error();
        assert!(
            error.starts_with("SenzaComponents/C/ReleaseChannel: the list of Flatcar images (http://")
                && error.contains(expected),
            "{error}"
        );
    }
    let definition = "SenzaComponents: [{C: {Type: 'Senza::CoreosAutoConfiguration', ReleaseChannel: '../x'}}]";
    assert_eq!(
        generate(definition, Senza3, standard()).await.error(),
        "SenzaComponents/C/ReleaseChannel: must be a word, not \"../x\""
    );
}
