//! The invocations of the deployment agent Lizzy, word for word.

use stups_terminal::Terminal;

use crate::account::{Outcome, account, senza_on};
use crate::groups::{group, ids, image, sizes};

/// A version of an application: a group of instances and a weighted record.
fn definition(image: &str) -> String {
    format!(
        "SenzaInfo:\n  StackName: hello\n  Parameters:\n    - ImageVersion: {{Description: Docker image version}}\n    \
         - Stage: {{Description: stage, Default: test}}\n\
         SenzaComponents: []\n\
         Resources:\n  \
           AppServerConfig:\n    Type: AWS::AutoScaling::LaunchConfiguration\n    Properties:\n      ImageId: {image}\n      \
             InstanceType: t2.micro\n  \
           AppServer:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    Properties:\n      \
             LaunchConfigurationName: {{Ref: AppServerConfig}}\n      AvailabilityZones: [us-east-1a]\n      MinSize: 1\n      \
             MaxSize: 3\n      DesiredCapacity: 1\n  \
           MainDomain:\n    Type: AWS::Route53::RecordSet\n    Properties:\n      HostedZoneName: stups.example.org.\n      \
             Name: hello.stups.example.org.\n      Type: CNAME\n      TTL: 20\n      Weight: 0\n      \
             SetIdentifier: 'hello-{{{{SenzaInfo.StackVersion}}}}'\n      ResourceRecords: ['{{{{Arguments.ImageVersion}}}}']\n"
    )
}

#[tokio::test]
async fn all_of_them_work() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("senza.yaml");
    std::fs::write(&file, definition(&image(&account).await)).unwrap();
    let file = file.to_str().unwrap();
    let session = account.session();
    let run = async |words: &str| -> Outcome {
        let words = words.replace("FILE", file);
        let words: Vec<&str> = words.split(' ').collect();
        let outcome = senza_on(Terminal::captured(""), &session, &words).await;
        assert_eq!(outcome.exit_code, 0, "{words:?}: {}", outcome.stderr);
        outcome
    };
    let json = |outcome: &Outcome| -> serde_json::Value { serde_json::from_str(&outcome.stdout).unwrap() };

    let printed = run("print --region us-east-1 -o json --force FILE v1 1.0").await;
    assert_eq!(
        json(&printed)["Resources"]["MainDomain"]["Properties"]["ResourceRecords"][0],
        "1.0"
    );

    let create = "create --region us-east-1 --force --disable-rollback --dry-run --stacktrace-visible -t LizzyVersion=2.0 -t a=b";
    let dry = run(&format!("{create} FILE v1 1.0 Stage=live")).await;
    assert!(dry.stderr.contains("**DRY-RUN**"), "{}", dry.stderr);
    assert_eq!(
        json(&run("list --region us-east-1 -o json").await),
        serde_json::json!([])
    );
    for version in ["v1", "v2"] {
        let create = "create --region us-east-1 --force --stacktrace-visible -t LizzyVersion=2.0";
        let outcome = run(&format!("{create} FILE {version} 1.0")).await;
        assert!(
            outcome.stderr.contains(&format!("hello-{version}.. OK")),
            "{}",
            outcome.stderr
        );
    }

    let listed = json(&run("list --region us-east-1 -o json hello v1").await);
    assert_eq!(
        (&listed[0]["stack_name"], &listed[0]["version"]),
        (&"hello".into(), &"v1".into())
    );
    let domains = json(&run("domains --region us-east-1 -o json hello").await);
    assert_eq!(domains.as_array().unwrap().len(), 2);
    assert_eq!(domains[0]["domain"], "hello.stups.example.org");

    let changed = json(&run("traffic --region us-east-1 -o json hello v1 100").await);
    assert_eq!(changed[0]["new_weight%"], 100.0);
    let shares = json(&run("traffic --region us-east-1 -o json hello").await);
    assert_eq!(
        (&shares[0]["weight%"], &shares[1]["weight%"]),
        (&100.0.into(), &0.0.into())
    );
    let shares = json(&run("traffic --region us-east-1 -o json hello v1").await);
    assert_eq!(shares[0]["current"], "<");

    let resources = session.cloudformation().describe_stack_resource();
    let resource = resources
        .stack_name("hello-v1")
        .logical_resource_id("AppServer")
        .send()
        .await
        .unwrap();
    let name = resource
        .stack_resource_detail()
        .unwrap()
        .physical_resource_id()
        .unwrap()
        .to_owned();
    let scaled = run("scale --region us-east-1 hello v1 2 --force").await;
    assert_eq!(scaled.stdout, "");
    assert_eq!(sizes(&group(&account, &name).await), (1, 2, 3));
    let patched = run("patch --region us-east-1 -o json hello v1 --image=ami-12345678").await;
    assert_eq!(json(&patched)[0]["result"], "patched");
    let image = image(&account).await;
    run(&format!("patch --region us-east-1 -o json hello v1 --image={image}")).await;
    let before = ids(&group(&account, &name).await);
    let respawned = run("respawn-instances --region us-east-1 -o json hello v1").await;
    assert_eq!(json(&respawned)[0]["instances"], 2);
    assert_eq!(
        ids(&group(&account, &name).await),
        before,
        "moto says that they are up to date"
    );

    let dry = run("delete --region us-east-1 --dry-run hello v2").await;
    assert_eq!(dry.stdout, "");
    run("delete --region us-east-1 hello v2").await;
    run("delete --region us-east-1 --force hello v1").await;
    assert_eq!(
        json(&run("list --region us-east-1 -o json").await),
        serde_json::json!([])
    );
}
