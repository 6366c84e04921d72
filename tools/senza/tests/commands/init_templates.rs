//! `senza init` with the templates beside `webapp`: questions, what is made in the account, and definitions that can be printed.

use std::collections::BTreeMap;
use std::path::Path;

use stups_aws::ec2::types::SecurityGroup;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};

use crate::account::{Outcome, account, senza_on};
use crate::wild::findings;

/// Runs `senza init -t template` with `words` for the file, answering with the lines of `answers`.
async fn init(account: &Account, template: &str, file: &Path, words: &[&str], answers: &str) -> Outcome {
    let mut all = vec!["init", "-t", template, file.to_str().unwrap()];
    all.extend(words);
    senza_on(Terminal::captured(answers), &account.session(), &all).await
}

async fn group(account: &Account, name: &str) -> Option<SecurityGroup> {
    let answer = account.session().ec2().describe_security_groups().send().await.unwrap();
    let groups = answer.security_groups.unwrap();
    groups.into_iter().find(|group| group.group_name() == Some(name))
}

/// Protocols, first ports and ranges of a group's rules.
fn rules(group: &SecurityGroup) -> Vec<(String, Option<i32>, Vec<String>)> {
    let mut rules: Vec<_> = group
        .ip_permissions()
        .iter()
        .map(|rule| {
            let ranges = rule.ip_ranges().iter().filter_map(|range| range.cidr_ip());
            (
                rule.ip_protocol().unwrap().to_owned(),
                rule.from_port().filter(|port| *port >= 0),
                ranges.map(str::to_owned).collect(),
            )
        })
        .collect();
    rules.sort();
    rules
}

#[tokio::test]
async fn every_template_with_defaults_prints_a_valid_template() {
    let account = Account::builder(AwsApi::shared().await)
        .region("eu-west-1")
        .stups_network()
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias(&format!("acme-{}", std::process::id()))
        .build()
        .await;
    let directory = tempfile::tempdir().unwrap();
    let mut templates = BTreeMap::new();
    for template in ["bgapp", "postgresapp", "rds", "scheduled", "static", "webapp", "worker"] {
        let file = directory.path().join(format!("{template}.yaml"));
        let words: &[&str] = match template {
            "webapp" => &["-y", "-v", "loadbalancer_type=application"],
            _ => &["-y"],
        };
        let outcome = init(&account, template, &file, words, "").await;
        assert_eq!(outcome.exit_code, 0, "{template}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{template} asks");
        let definition = stups_yaml::load(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let takes_version = definition
            .get("SenzaInfo")
            .is_some_and(|info| info.get("Parameters").is_some());
        for compatibility in ["2.1", "3"] {
            let mut words = vec![
                "print",
                file.to_str().unwrap(),
                "v1",
                "--force",
                "--compat",
                compatibility,
            ];
            if takes_version {
                words.push(match template {
                    "postgresapp" => "registry.example.org/acid/spilo:16",
                    _ => "1.0",
                });
            }
            let outcome = senza_on(Terminal::captured(""), &account.session(), &words).await;
            assert_eq!(outcome.exit_code, 0, "{template}: {}", outcome.stderr);
            templates.insert(format!("{template}-{compatibility}.json"), outcome.stdout);
        }
    }
    let found = findings(&templates);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_background_app_asks_four_things_and_gets_a_group_and_a_role() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    // id, image, type, Mint and its bucket, group, role
    let outcome = init(&account, "bgapp", &file, &[], "crawler\nteam/crawler\n\ny\n\n\n\n").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let bucket = format!("acme-stups-mint-{}-us-east-1", account.id());
    for question in [
        "Application ID [hello-world]: ",
        "EC2 instance type [t2.micro]: ",
        &format!("Mint S3 bucket name [{bucket}]: "),
        "Security group app-crawler does not exist. Do you want Senza to create it now? [Y/n]: ",
        "IAM role app-crawler does not exist. Do you want Senza to create it now? [Y/n]: ",
    ] {
        assert!(outcome.stdout.contains(question), "{}", outcome.stdout);
    }
    assert_eq!(
        rules(&group(&account, "app-crawler").await.unwrap()),
        [
            ("-1".to_owned(), None, vec![]),
            ("tcp".to_owned(), Some(22), vec!["172.31.0.0/16".to_owned()]),
        ]
    );
    let definition = std::fs::read_to_string(&file).unwrap();
    assert!(
        definition.contains(&format!("mint_bucket: \"{bucket}\"")),
        "{definition}"
    );
    assert!(!definition.contains("LoadBalancer"), "{definition}");

    // A second run finds both and says what the group lacks: nothing.
    let outcome = init(
        &account,
        "bgapp",
        &file,
        &["-y", "--force", "-v", "application_id=crawler"],
        "",
    )
    .await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("does not allow"), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_group_that_lacks_a_port_gets_a_word() {
    let account = Account::builder(AwsApi::shared().await)
        .alias("acme-demo")
        .security_group("app-x")
        .security_group("redis-x")
        .role("app-x")
        .build()
        .await;
    let directory = tempfile::tempdir().unwrap();
    for (template, expected) in [
        (
            "bgapp",
            "Security group app-x does not allow SSH access, you will not be able to ssh into your servers\n",
        ),
        ("worker", "Security group app-x does not allow SSH access"),
        (
            "redisnode",
            "Security group redis-x does not allow tcp/6379 access, you will not be able to access your redis\n",
        ),
    ] {
        let file = directory.path().join(format!("{template}.yaml"));
        let outcome = init(&account, template, &file, &["-y", "-v", "application_id=x"], "").await;
        assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn redis_asks_for_id_type_and_number_of_nodes() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cluster.yaml");
    let answers = "a-name-of-nineteen-\nsessions\nt4g.small\ncache.r7g.large\n6\n3\n\n";
    let outcome = init(&account, "rediscluster", &file, &[], answers).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    for error in [
        "Error: Value is too long! 19 > 18 chars\n",
        "Error: \"t4g.small\" is not an instance type, such as cache.t4g.small\n",
        "Error: did not match regex ^[2-5]$.\n",
    ] {
        assert!(outcome.stderr.contains(error), "{}", outcome.stderr);
    }
    assert!(
        outcome.stdout.contains("EC2 instance type [cache.t4g.medium]: "),
        "{}",
        outcome.stdout
    );
    let definition = std::fs::read_to_string(&file).unwrap();
    assert!(
        definition.ends_with(
            "  - sessions:\n      Type: Senza::RedisCluster\n      CacheNodeType: cache.r7g.large\n      NumberOfNodes: 3\n      \
             SecurityGroups:\n        - redis-sessions\n"
        ),
        "{definition}"
    );
    assert_eq!(
        rules(&group(&account, "redis-sessions").await.unwrap()),
        [
            ("-1".to_owned(), None, vec![]),
            ("tcp".to_owned(), Some(6379), vec!["172.31.0.0/16".to_owned()]),
        ]
    );
}

#[tokio::test]
async fn the_templates_to_choose_from() {
    let account = account().await;
    let outcome = senza_on(
        Terminal::captured(""),
        &account.session(),
        &["init", "-t", "nothing", "-"],
    )
    .await;
    assert_eq!(outcome.exit_code, 1);
    for line in [
        "1) bgapp: ",
        "2) postgresapp: ",
        "3) rds: ",
        "4) rediscluster: ",
        "5) redisnode: ",
        "6) scheduled: ",
        "7) static: ",
        "8) webapp: ",
        "9) worker: ",
        "Please select (1-9) [8]: ",
    ] {
        assert!(outcome.stderr.contains(line), "{}", outcome.stderr);
    }
}

/// An account whose monitoring is deployed: an instance with two groups, of which one is the monitoring's.
async fn monitored_account(alias: &str) -> (Account, String) {
    use stups_aws::ec2::types::{ResourceType, Tag, TagSpecification};
    let account = Account::builder(AwsApi::shared().await)
        .alias(alias)
        .hosted_zone("stups.example.org")
        .security_group("Odd (SSH Bastion Host)")
        .security_group("app-zmon")
        .security_group("other")
        .build()
        .await;
    let id = async |name: &str| group(&account, name).await.unwrap().group_id.unwrap();
    let (monitoring, other) = (id("app-zmon").await, id("other").await);
    let tag = Tag::builder().key("StackName").value("zmon-appliance").build();
    let ec2 = account.session().ec2();
    let images = ec2.describe_images().send().await.unwrap();
    let instance = ec2
        .run_instances()
        .image_id(images.images()[0].image_id().unwrap())
        .min_count(1)
        .max_count(1)
        .security_group_ids(&monitoring)
        .security_group_ids(other)
        .tag_specifications(
            TagSpecification::builder()
                .resource_type(ResourceType::Instance)
                .tags(tag)
                .build(),
        );
    instance.send().await.unwrap();
    (account, monitoring)
}

#[tokio::test]
async fn postgres_asks_for_its_surroundings() {
    let alias = format!("acme-postgres{}", std::process::id());
    let (account, monitoring) = monitored_account(&alias).await;
    let bastion = group(&account, "Odd (SSH Bastion Host)")
        .await
        .unwrap()
        .group_id
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spilo.yaml");
    // image, bucket, type, discovery, replica, range, bastion, monitoring, size, type, IOPS twice, snapshot, file system,
    // options, two passwords that are made, one that is typed, KMS
    let answers = "\n\n\n\ny\n\n\n\n100\nio1\n5001\n4000\n\n\n\n\n\nsecret\nsecret\n\n";
    let outcome = init(&account, "postgresapp", &file, &[], answers).await;
    assert_eq!(outcome.exit_code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    let bucket = format!("{alias}-us-east-1-spilo-app");
    let order = [
        "Do you want to set the docker image now? [y/N]: ".to_owned(),
        format!("Postgres WAL S3 bucket to use [{bucket}]: "),
        "EC2 instance type [t3.medium]: ".to_owned(),
        "ETCD Discovery Domain [postgres.stups.example.org]: ".to_owned(),
        "Do you want a replica ELB? [y/N]: ".to_owned(),
        "Which network should be allowed to access the ELBs? (default=vpc) [172.31.0.0/16]: ".to_owned(),
        "Do you want to allow access to the Spilo nodes from Odd (SSH Bastion Host)? [Y/n]: ".to_owned(),
        "Do you want to allow access to the Spilo nodes from zmon? [Y/n]: ".to_owned(),
        "Database volume size (GB, 10 or more) [10]: ".to_owned(),
        "Database volume type (gp3, gp2, io2, io1 or standard) [gp3]: ".to_owned(),
        "Provisioned I/O operations per second (100 - 5000) [3000]: ".to_owned(),
        "ID of the snapshot to populate EBS volume from []: ".to_owned(),
        "Filesystem for the data partition [ext4]: ".to_owned(),
        "Filesystem mount options (comma-separated) [noatime,nodiratime,nobarrier]: ".to_owned(),
        "Password for PostgreSQL user superuser [random]: ".to_owned(),
        "Password for PostgreSQL user standby [random]: ".to_owned(),
        "Password for PostgreSQL user admin [random]: ".to_owned(),
        "Do you wish to encrypt these passwords using KMS? [y/N]: ".to_owned(),
    ];
    let mut rest = outcome.stdout.as_str();
    for question in order {
        let Some((_, behind)) = rest.split_once(&question) else {
            panic!("{question} expected in {rest}");
        };
        rest = behind;
    }
    assert!(!outcome.stdout.contains("secret"), "{}", outcome.stdout);

    let definition = stups_yaml::load(&std::fs::read_to_string(&file).unwrap())
        .unwrap()
        .to_json();
    let server = &definition["SenzaComponents"][1]["AppServer"];
    assert_eq!(
        server["ElasticLoadBalancer"],
        serde_json::json!(["PostgresLoadBalancer", "PostgresReplicaLoadBalancer"])
    );
    assert_eq!(server["BlockDeviceMappings"][0]["Ebs"]["Iops"], 4000);
    let environment = &server["TaupageConfig"]["environment"];
    assert_eq!(environment["PGPASSWORD_ADMIN"], "secret");
    let superuser = environment["PGPASSWORD_SUPERUSER"].as_str().unwrap();
    assert_eq!(superuser.len(), 64);
    assert_ne!(superuser, environment["PGPASSWORD_STANDBY"].as_str().unwrap());
    let ingress = definition["Resources"]["SpiloMemberSG"]["Properties"]["SecurityGroupIngress"].to_string();
    assert!(ingress.contains(&bastion) && ingress.contains(&monitoring), "{ingress}");
    account
        .session()
        .s3()
        .head_bucket()
        .bucket(bucket)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_passwords_are_encrypted_with_the_key_that_is_chosen() {
    let account = account().await;
    let kms = account.session().kms();
    let create = async |description: &str| {
        let usage = stups_aws::kms::types::KeyUsageType::EncryptDecrypt;
        let created = kms.create_key().description(description).key_usage(usage).send().await;
        created.unwrap().key_metadata.unwrap()
    };
    let disabled = create("old").await;
    kms.disable_key().key_id(&disabled.key_id).send().await.unwrap();
    let key = create("databases").await;
    let arn = key.arn.clone().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spilo.yaml");
    let bucket = format!("wal-{}", account.id());
    let words: Vec<String> = [
        "docker_image=registry.example.org/acid/spilo:16",
        &format!("wal_s3_bucket={bucket}"),
        "instance_type=r3.xlarge",
        "discovery_domain=etcd.example.org",
        "add_replica_loadbalancer=no",
        "elb_access_cidr=10.0.0.0/8",
        "odd_sg_id=",
        "zmon_sg_id=",
        "use_ebs=no",
        "fstype=xfs",
        "fsoptions=noatime",
        "pgpassword_superuser=one",
        "pgpassword_standby=two",
        "pgpassword_admin=aws:kms:dGhyZWU=",
    ]
    .iter()
    .flat_map(|word| ["-v".to_owned(), (*word).to_owned()])
    .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = init(&account, "postgresapp", &file, &words, "y\n1\n").await;
    assert_eq!(outcome.exit_code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    assert!(
        outcome.stderr.contains(&format!("1) {}: databases\n", key.key_id)),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains(&disabled.key_id), "{}", outcome.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    let definition = stups_yaml::load(&text).unwrap().to_json();
    assert!(definition["SenzaInfo"].get("Parameters").is_none());
    let environment = &definition["SenzaComponents"][1]["AppServer"]["TaupageConfig"]["environment"];
    for name in ["PGPASSWORD_SUPERUSER", "PGPASSWORD_STANDBY"] {
        let encrypted = environment[name].as_str().unwrap();
        assert!(encrypted.len() > 20 && encrypted.starts_with("aws:kms:"), "{encrypted}");
    }
    assert_eq!(environment["PGPASSWORD_ADMIN"], "aws:kms:dGhyZWU=");
    assert!(
        text.contains(&format!("Action: kms:Decrypt\n                Resource: \"{arn}\"\n")),
        "{text}"
    );
    assert!(text.contains("VirtualName: ephemeral0\n"), "{text}");

    let without_keys = self::account().await;
    let outcome = init(
        &without_keys,
        "postgresapp",
        &directory.path().join("b.yaml"),
        &words,
        "y\n",
    )
    .await;
    assert_eq!(outcome.exit_code, 2);
    assert!(outcome.stderr.contains("No KMS key is available"), "{}", outcome.stderr);
}

#[tokio::test]
async fn another_s_bucket_is_not_taken_for_ours() {
    let api = AwsApi::shared().await;
    let name = format!("taken-{}", std::process::id());
    let owner = Account::builder(api).bucket(&name).build().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spilo.yaml");
    let variable = format!("wal_s3_bucket={name}");
    let account = account().await;
    let outcome = init(&account, "postgresapp", &file, &["-y", "-v", &variable], "").await;
    // moto lets every account see every bucket; AWS says 403. Either way nothing of the owner's is changed.
    assert!(
        outcome.exit_code == 0 || outcome.stderr.contains("bucket names are unique"),
        "{}",
        outcome.stderr
    );
    owner.session().s3().head_bucket().bucket(&name).send().await.unwrap();
}

#[tokio::test]
async fn wrong_answers_and_existing_files_stop_a_run_that_asks_nothing() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    for (template, variable, expected) in [
        ("rediscluster", "number_of_nodes=9", "did not match regex ^[2-5]$."),
        (
            "scheduled",
            "start_recurrence=noon",
            "not minute, hour, day, month and weekday",
        ),
        ("rds", "volume_size=19", "too small"),
        (
            "webapp",
            "loadbalancer_type=new",
            "\"new\" is not one of classic, application",
        ),
        ("postgresapp", "volume_type=ssd", "\"ssd\" is not one of"),
        ("bgapp", "http_port=80", "Unknown user variable \"http_port\""),
    ] {
        let outcome = init(&account, template, &file, &["-y", "-v", variable], "").await;
        assert_eq!(outcome.exit_code, 2, "{template}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert!(!file.exists());
    }
    std::fs::write(&file, "mine").unwrap();
    let outcome = init(&account, "static", &file, &["-y"], "").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("Use --force to replace it."),
        "{}",
        outcome.stderr
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}
