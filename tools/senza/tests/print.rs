//! `senza print` against a real AWS API.

mod template_support;

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;
use stups_testkit::{Account, AwsApi};
use template_support::{Files, senza};

const SECTIONS: &str = "SenzaInfo:\n  StackName: test-{{AccountInfo.Region}}-{{Arguments.Section}}\n  Parameters:\n  - Section: {Description: a section}\n  - Size: {Default: 5}\n\
                        Outputs: {Size: {Value: 'size-{{Arguments.Size}}'}}\n";

#[tokio::test]
async fn templates_see_arguments_and_the_account() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", SECTIONS);

    let printed = senza(&account, &["print", &definition, "1", "b"]).await.success();
    let info = &printed.json()["Mappings"]["Senza"]["Info"];
    assert_eq!(info["StackName"], "test-us-east-1-b");
    assert_eq!(info["StackVersion"], "1");
    assert_eq!(info["Tags"][0], json!({"Name": "test-us-east-1-b-1"}));
    assert_eq!(printed.stderr, "Generating Cloud Formation template.. OK\n");

    let account_info = files.write(
        "account.yaml",
        "SenzaInfo: {StackName: x}\nOutputs:\n  Id: '{{AccountInfo.AccountID}}'\n  Alias: '{{AccountInfo.AccountAlias}}'\n  Team: '{{AccountInfo.TeamID}}'\n  Domain: '{{AccountInfo.Domain}}'\n  Vpc: '{{#AccountInfo}}{{VpcID}}{{/AccountInfo}}'\n",
    );
    let printed = senza(&account, &["print", &account_info, "1"]).await.success().json();
    let outputs = &printed["Outputs"];
    assert_eq!(outputs["Id"], account.id());
    assert_eq!(outputs["Alias"], "acme-demo");
    assert_eq!(outputs["Team"], "demo");
    assert_eq!(outputs["Domain"], "stups.example.org");
    assert!(outputs["Vpc"].as_str().unwrap().starts_with("vpc-"), "{outputs}");
}

#[tokio::test]
async fn a_default_is_used_unless_the_parameter_is_given() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", SECTIONS);
    let parameters = files.write("p.yaml", "Size: 7\n");
    for (words, size) in [
        (&["b"][..], "size-5"),
        (&["b", "6"], "size-6"),
        (&["b", "Size=6"], "size-6"),
        (&["b", "--parameter-file", &parameters], "size-7"),
    ] {
        let arguments = [&["print", &definition, "1"], words].concat();
        let printed = senza(&account, &arguments).await.success().json();
        assert_eq!(printed["Outputs"]["Size"]["Value"], size, "{words:?}");
    }
    for (words, exit_code, message) in [
        (
            &[][..],
            2,
            "Error: Missing parameter \"Section\". Need: \"Section Size\"\n",
        ),
        (
            &["a", "b", "c"],
            2,
            "Error: Too many parameters given. Need only: \"Section Size\"\n",
        ),
        (
            &["a", "Other=b"],
            2,
            "Error: Unrecognized keyword parameter: \"Other\"\n",
        ),
        (
            &["a", "Size=1", "--parameter-file", &parameters],
            2,
            "Error: Too many parameters given. Need only: \"Section Size\"\n",
        ),
        (
            &["Size=1", "--parameter-file", &parameters],
            2,
            "Error: Parameter specified multiple times: \"Size\"\n",
        ),
        (
            &["Section=1", "b"],
            2,
            "Error: Positional parameters must not follow keywords.\n",
        ),
        (
            &["--parameter-file", "nowhere.yaml"],
            2,
            "Error: Can't read parameter file",
        ),
    ] {
        let arguments = [&["print", &definition, "1"], words].concat();
        senza(&account, &arguments).await.failure(exit_code, message);
    }
}

#[tokio::test]
async fn print_only_reads() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write(
        "d.yaml",
        "SenzaInfo: {StackName: x}\nOutputs: {A: '{{AccountInfo.Domain}} {{AccountInfo.VpcID}} {{AccountInfo.TeamID}}'}",
    );
    let before = account.requests().len();
    senza(&account, &["print", &definition, "1"]).await.success();
    let requests = account.requests();
    assert!(requests.len() > before);
    for request in &requests[before..] {
        let operation = request.split_once(':').unwrap().1;
        assert!(
            ["Describe", "List", "Get"]
                .iter()
                .any(|verb| operation.starts_with(verb))
                || operation.starts_with("GET "),
            "{request}"
        );
    }

    let before = account.requests().len();
    let plain = files.write(
        "plain.yaml",
        "SenzaInfo: {StackName: x}\nOutputs: {A: '{{AccountInfo.Region}}'}",
    );
    senza(&account, &["print", &plain, "1"]).await.success();
    assert_eq!(
        account.requests().len(),
        before,
        "nothing is looked up that is not needed"
    );
}

#[tokio::test]
async fn the_template_is_sorted_and_indented_as_json_or_yaml() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let definition = files.write("d.yaml", "SenzaInfo: {StackName: hé}\nDescription: d\n");
    let json = senza(&account, &["print", &definition, "v1"]).await.success().stdout;
    assert_eq!(
        json,
        r#"{
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "d",
    "Mappings": {
        "Senza": {
            "Info": {
                "StackName": "h\u00e9",
                "StackVersion": "v1",
                "Tags": [
                    {
                        "Name": "h\u00e9-v1"
                    },
                    {
                        "StackName": "h\u00e9"
                    },
                    {
                        "StackVersion": "v1"
                    }
                ]
            }
        }
    }
}
"#
    );
    let yaml = senza(&account, &["print", &definition, "v1", "-o", "yaml"])
        .await
        .success();
    assert_eq!(
        stups_yaml::load(&yaml.stdout).unwrap().to_json(),
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    );
    senza(&account, &["print", &definition, "v1", "-o", "tsv"])
        .await
        .failure(2, "Error: ");
}

#[tokio::test]
async fn definitions_come_from_urls_too() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let path = files.write("with blank.yaml", "SenzaInfo: {StackName: filed}\n");
    let url = format!("file://{}", path.replace(' ', "%20"));
    let printed = senza(&account, &["print", &url, "1"]).await.success().json();
    assert_eq!(printed["Mappings"]["Senza"]["Info"]["StackName"], "filed");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for answer in [
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nSenzaInfo: {StackName: served}\n".to_owned(),
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
            format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
                "# comment\n".repeat(200_000)
            ),
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            // The reader hangs up when it has seen too much.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let url = format!("http://{address}/d.yaml");
    let printed = senza(&account, &["print", &url, "1"]).await.success().json();
    assert_eq!(printed["Mappings"]["Senza"]["Info"]["StackName"], "served");
    for message in [
        "not found",
        "the server answered 500",
        "it is larger than 1048576 bytes",
    ] {
        senza(&account, &["print", &url, "1"]).await.failure(2, message);
    }
    server.join().unwrap();
}

#[tokio::test]
async fn definitions_that_cannot_be_used_get_one_line() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let directory = files.path("").to_str().unwrap().to_owned();
    let large = files.write("large.yaml", "# comment\n".repeat(200_000));
    let binary = files.write("binary.yaml", [0xff, 0xfe, 0xfd]);
    let broken = files.write("broken.yaml", "SenzaInfo:\n  StackName: x\n   a: b\n");
    let empty = files.write("empty.yaml", "{}");
    let named = files.write("named.yaml", "SenzaInfo: {StackName: test}");
    let unknown = files.write(
        "unknown.yaml",
        "SenzaInfo: {StackName: test}\nSenzaComponents: [{Server: {Type: 'Senza::TaupageAutoScalingGrup'}}]",
    );
    let lost = files.write(
        "lost.yaml",
        "SenzaInfo: {StackName: test}\nSenzaComponents: [{Server: {Type: 'Senza::AutoScalingGroup', InstanceType: t3.micro, \
         ImageId: ami-1, ElasticLoadBalancer: Balancer}}]",
    );
    let long = "abcde".repeat(25);
    for (definition, version, exit_code, message) in [
        ("nowhere.yaml", "1", 2, "Error: \"nowhere.yaml\" not found\n"),
        (directory.as_str(), "1", 2, "can't be read"),
        (&large, "1", 2, "it is larger than 1048576 bytes"),
        (&binary, "1", 2, "it is not UTF-8 text"),
        ("ftp://x/y", "1", 2, "\"ftp\" is not one of file, http, https"),
        (
            &broken,
            "1",
            1,
            "broken.yaml is not a valid senza definition: line 3, column ",
        ),
        (&empty, "1", 2, "\"SenzaInfo\" entry is missing in YAML file"),
        (
            &named,
            "1.0",
            2,
            "Error: Version must satisfy regular expression pattern \"[a-zA-Z0-9]+\"\n",
        ),
        (
            &named,
            &long,
            1,
            "cannot exceed 128 characters. Please choose another name/version.",
        ),
        (
            &unknown,
            "1",
            2,
            "Error: SenzaComponents/Server/Type: Component \"Senza::TaupageAutoScalingGrup\" does not exist, did you mean \
             \"Senza::TaupageAutoScalingGroup\"?\n",
        ),
        (
            &lost,
            "1",
            2,
            "Error: SenzaComponents/Server/ElasticLoadBalancer: \"Balancer\" is neither a load balancer component nor a \
             resource of this definition\n",
        ),
    ] {
        let outcome = senza(&account, &["print", definition, version])
            .await
            .failure(exit_code, message);
        assert_eq!(outcome.stdout, "");
        let errors = outcome.stderr.lines().filter(|line| line.starts_with("Error: "));
        assert_eq!(errors.count(), 1, "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn wrong_places_and_parameters_get_one_line_that_names_them() {
    let account = Account::standard(AwsApi::shared().await).await;
    let files = Files::new();
    let info = "SenzaInfo: {StackName: test, Parameters: [{Image: }, {Size: {Default: 1}}]}\n";
    let group = |properties: &str| {
        format!(
            "{info}SenzaComponents: [{{Server: {{Type: 'Senza::AutoScalingGroup', InstanceType: t3.micro, ImageId: ami-1, \
             {properties}}}}}]"
        )
    };
    let parameters = files.write("parameters.yaml", "Image: b\n");
    for (content, words, exit_code, expected) in [
        (
            format!("{info}SenzaComponents: [{{A: {{Type: x}}, B: {{Type: y}}}}]"),
            &["a"][..],
            1,
            "SenzaComponents/1: it must be a map with one key, the name; it has 2: A, B (is the indentation right?)",
        ),
        (
            format!("{info}SenzaComponents: [{{A: {{Typ: x}}}}]"),
            &["a"],
            1,
            "SenzaComponents/A: Type is missing (such as Senza::TaupageAutoScalingGroup)",
        ),
        (
            group("AutoScaling: 5"),
            &["a"],
            2,
            "Error: SenzaComponents/Server/AutoScaling: must be a map, not an integer",
        ),
        (
            group("AutoScaling: {Maximum: 2}"),
            &["a"],
            2,
            "Error: SenzaComponents/Server/AutoScaling/Minimum: is missing, give the group's smallest size",
        ),
        (
            group("SecurityGroups: '{{Arguments.Imgae}}'"),
            &["a"],
            1,
            "SenzaComponents/Server/SecurityGroups: \"Arguments.Imgae\" is not defined, did you mean \"Arguments.Image\"?",
        ),
        (
            group("SecurityGroups: [nobody]"),
            &["a"],
            1,
            "Error: Security Group \"nobody\" does not exist.\nRun `senza init` to (re-)create the security group.",
        ),
        (
            info.to_owned(),
            &[],
            2,
            "Missing parameter \"Image\". Need: \"Image Size\"",
        ),
        (
            info.to_owned(),
            &["a", "Image=b"],
            2,
            "Parameter specified multiple times: \"Image\"",
        ),
        (
            info.to_owned(),
            &["Image=a", "--parameter-file", &parameters],
            2,
            "Parameter specified multiple times: \"Image\"",
        ),
        (
            info.to_owned(),
            &["Imgae=a"],
            2,
            "Unrecognized keyword parameter: \"Imgae\"",
        ),
        (
            info.to_owned(),
            &["a", "b", "c"],
            2,
            "Too many parameters given. Need only: \"Image Size\"",
        ),
        (
            info.to_owned(),
            &["Image=a", "b"],
            2,
            "Positional parameters must not follow keywords.",
        ),
    ] {
        let definition = files.write("d.yaml", &content);
        let words = [&["print", &definition, "1"], words].concat();
        let outcome = senza(&account, &words)
            .await
            .failure(exit_code, &format!("{expected}\n"));
        assert_eq!(outcome.stdout, "", "{content}");
        let errors = outcome.stderr.lines().filter(|line| line.starts_with("Error: "));
        assert_eq!(errors.count(), 1, "{}", outcome.stderr);
    }
}
