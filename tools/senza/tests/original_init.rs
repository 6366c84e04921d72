//! Given the same answers, `senza init` writes the definition that the original writes, comments aside.

mod original_support;
mod template_support;

use original_support::original;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};
use template_support::Files;

/// Runs ours with these command line words, and `input` on standard input.
async fn ours(account: &Account, words: &[String], input: &str) {
    let (terminal, captured) = Terminal::captured(input);
    let line = std::iter::once("senza".into())
        .chain(words.iter().map(Into::into))
        .collect();
    let result = senza::run_in(&terminal, &account.session(), line).await;
    assert!(result.is_ok(), "{words:?}: {result:?}\n{}", captured.stderr());
}

#[tokio::test]
async fn definitions_are_those_of_the_original() {
    let account = Account::builder(AwsApi::shared().await)
        .stups_network()
        .hosted_zone("stups.example.org")
        .alias("acme")
        .security_group("app-my-app")
        .security_group("app-my-app-lb")
        .security_group("redis-my-app")
        .role("app-my-app")
        .build()
        .await;
    let files = Files::new();
    // What is asked beyond the variables: whether Mint gives credentials, and with a bucket whether the role may read it.
    for (template, answers, input) in [
        (
            "webapp",
            "docker_image=team/x http_port=9000 http_health_check_path=/h instance_type=t3.small loadbalancer_scheme=internal",
            "n\n",
        ),
        (
            "webapp",
            "docker_image=team/x http_port=80 http_health_check_path=/ instance_type=t3.small loadbalancer_scheme=internet-facing \
             mint_bucket=my-bucket",
            "y\nn\n",
        ),
        (
            "webapp",
            "docker_image=pierone.example.org/team/x http_port=80 http_health_check_path=/ instance_type=t3.small \
             loadbalancer_scheme=internal mint_bucket=my-bucket",
            "n\n",
        ),
        ("bgapp", "docker_image=team/x instance_type=t3.small", "n\n"),
        (
            "bgapp",
            "docker_image=pierone.example.org/team/x instance_type=t3.small mint_bucket=my-bucket",
            "n\n",
        ),
        ("rediscluster", "instance_type=cache.t4g.small number_of_nodes=3", ""),
        ("redisnode", "instance_type=cache.t4g.small", ""),
    ] {
        let words = |file: &str| {
            let path = files.path(file).to_str().unwrap().to_owned();
            let variables = std::iter::once("application_id=my-app").chain(answers.split(' '));
            let mut words = vec!["init".to_owned(), path, "-t".to_owned(), template.to_owned()];
            words.extend(variables.flat_map(|variable| ["-v".to_owned(), variable.to_owned()]));
            words
        };
        let answer = original(&account, &[&words("original.yaml")], input).remove(0);
        assert_eq!(answer["exit_code"], 0, "{template} {answers}: {answer}");
        ours(&account, &words("ours.yaml"), input).await;
        let [theirs, ours] = ["original.yaml", "ours.yaml"].map(|file| {
            let text = std::fs::read_to_string(files.path(file)).unwrap();
            stups_yaml::load(&text).unwrap().to_json()
        });
        assert_eq!(ours, theirs, "{template} {answers}");
        for file in ["original.yaml", "ours.yaml"] {
            std::fs::remove_file(files.path(file)).unwrap();
        }
    }
}
