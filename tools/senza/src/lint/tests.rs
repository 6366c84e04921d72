//! Every rule finds its mistake, at its place.

use serde_json::json;

use super::*;

/// The findings where no account is saved.
fn lint(file: &str, text: &str) -> Vec<Finding> {
    super::lint(file, text, None)
}

/// `line:column rule` of every finding.
fn found(text: &str) -> Vec<String> {
    lint("d.yaml", text)
        .iter()
        .map(|finding| format!("{}:{} {}", finding.line, finding.column, finding.rule.name()))
        .collect()
}

fn fixes(text: &str) -> Vec<(String, Option<String>)> {
    lint("d.yaml", text)
        .into_iter()
        .map(|finding| (finding.rule.name().to_owned(), finding.fix))
        .collect()
}

/// The one finding's rule and fix.
#[track_caller]
fn only(text: &str, rule: &str, fix: Option<&str>) {
    assert_eq!(
        fixes(text),
        [(rule.to_owned(), fix.map(str::to_owned))],
        "{:#?}",
        lint("d.yaml", text)
    );
}

const GOOD: &str = "\
SenzaInfo:
  StackName: hello-world
  Parameters:
    - ImageVersion:
        Description: Docker image version
    - Secret:
        NoEcho: true
        Default: ''
SenzaComponents:
  - Configuration:
      Type: Senza::StupsAutoConfiguration
  - AppServer:
      Type: Senza::TaupageAutoScalingGroup
      InstanceType: t3.micro
      SecurityGroups: [app-hello-world]
      ElasticLoadBalancer: AppLoadBalancer
      AutoScaling:
        Minimum: 2
        Maximum: 10
        SuccessRequires: 2 within 15m
        MetricType: CPU
        ScaleUpThreshold: 70
        ScaleDownThreshold: 30
      TaupageConfig:
        runtime: Docker
        source: 'stups/hello-world:{{Arguments.ImageVersion}}'
        ports: {8080: 8080}
        health_check_path: /
        environment:
          TOPIC: {Ref: Topic}
          DB_PASSWORD: '{{{Arguments.Secret}}}'
  - AppLoadBalancer:
      Type: Senza::WeightedDnsElasticLoadBalancer
      HTTPPort: 8080
      HealthCheckPath: /
      SecurityGroups: [app-hello-world-lb]
      Scheme: internet-facing
Resources:
  Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: !Sub '${AWS::Region} ${AppServer}'}}
Outputs:
  Name: {Value: !GetAtt AppLoadBalancer.DNSName}
";

#[test]
fn a_good_definition_has_no_findings() {
    assert_eq!(lint("d.yaml", GOOD), []);
    assert_eq!(lint("d.yaml", "SenzaInfo: {StackName: x}"), []);
}

/// The good definition with a change to it.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[test]
fn all_mistakes_are_found_in_one_pass() {
    let text = "\
SenzaInfo:
  StackName: my_app
  Paramters:
    - A: {}
  Parameters:
    - Image: {Defualt: x}
SenzaComponents:
  - Server:
      Type: Senza::TaupageAutoscalingGrup
  - Group:
      Type: Senza::TaupageAutoScalingGroup
      InstanceTyp: t3.micro
      TaupageConfig: {runtime: Rkt, source: '{{Arguments.Imag}}', application_version: 1.0}
Resources:
  T: {Properties: {}}
  T: {Type: x}
";
    assert_eq!(
        found(text),
        [
            "2:14 senza-info",
            "3:3 senza-info-key",
            "6:7 unused-parameter",
            "6:15 unknown-property",
            "9:13 component-type",
            "10:5 missing-property",
            "12:7 unknown-property",
            "13:32 wrong-type",
            "13:48 undefined-variable",
            "13:88 taupage-config",
            "16:3 value",
        ],
        "{:#?}",
        lint("d.yaml", text)
    );
}

#[test]
fn yaml_has_its_places() {
    assert_eq!(found("SenzaInfo: ["), ["1:13 syntax"]);
    assert_eq!(
        found("a: {{Arguments.X}}"),
        ["1:1 shape", "1:1 senza-info", "1:5 value"]
    );
    assert_eq!(found("- a"), ["1:1 shape"]);
    assert_eq!(
        found("SenzaInfo: {StackName: x}\nResources: {A: {Type: !Reff x}}"),
        ["2:13 shape", "2:23 value"]
    );
}

#[test]
fn sections_and_entries_have_shapes() {
    for (text, place) in [
        ("SenzaInfo: x", "1:12 shape"),
        ("SenzaInfo: {StackName: x}\nSenzaComponent: []", "2:1 shape"),
        ("SenzaInfo: {StackName: x}\nSenzaComponents: {A: {}}", "2:18 shape"),
        ("SenzaInfo: {StackName: x}\nSenzaComponents: [A]", "2:19 shape"),
        ("SenzaInfo: {StackName: x}\nSenzaComponents: [{A: }]", "2:21 shape"),
        (
            "SenzaInfo: {StackName: x}\nSenzaComponents: [{A: {Type: 'Senza::IamRole'}, B: 1}]",
            "2:19 shape",
        ),
        (
            "SenzaInfo: {StackName: x}\nSenzaComponents: [{A-b: {Type: 'Senza::IamRole'}}]",
            "2:20 shape",
        ),
        ("SenzaInfo: {StackName: x}\nResources: {A: {Typ: x}}", "2:13 shape"),
        ("SenzaInfo: {StackName: x}\nOutputs: []", "2:10 shape"),
    ] {
        assert!(found(text).contains(&place.to_owned()), "{text}: {:?}", found(text));
    }
    let message = &lint("d.yaml", "SenzaInfo: {StackName: x}\nSenzaComponent: []")[0];
    assert_eq!(message.fix.as_deref(), Some("SenzaComponents"));
}

#[test]
fn senza_info() {
    only(
        "Resources: {}",
        "senza-info",
        Some("SenzaInfo: {StackName: my-application}"),
    );
    for (info, rule) in [
        ("{}", "senza-info"),
        ("{StackName: 5}", "senza-info"),
        ("{StackName: 1x}", "senza-info"),
        ("{StackName: x, Compatibility: 2}", "senza-info"),
        ("{StackName: x, OperatorTopicId: [a]}", "senza-info"),
        ("{StackName: x, Tags: {A: [1]}}", "senza-info"),
        ("{StackName: x, Tags: x}", "senza-info"),
        ("{StackName: x, Tags: [x]}", "senza-info"),
        ("{StackName: x, StackVersion: 1}", "senza-info-key"),
        ("{StackName: x, Tag: {A: b}}", "senza-info-key"),
        ("{StackName: x, Parameters: {A: {}}}", "senza-info"),
        (
            "{StackName: '{{Arguments.version}}', Parameters: [{version: }]}",
            "senza-info",
        ),
        (
            "{StackName: '{{Arguments.A}}', Parameters: [{A: }, {A: }]}",
            "senza-info",
        ),
        ("{StackName: '{{Arguments.A}}', Parameters: [{A: x}]}", "senza-info"),
        ("{StackName: x, Compatibility: 2.1}", "dated"),
    ] {
        let text = format!("SenzaInfo: {info}");
        let rules: Vec<_> = lint("d.yaml", &text)
            .iter()
            .map(|finding| finding.rule.name())
            .collect();
        assert_eq!(rules, [rule], "{text}");
    }
}

#[test]
fn components_have_types_and_properties() {
    only(
        &changed("Senza::StupsAutoConfiguration", "Senza::StupsAutoConfig"),
        "component-type",
        Some("Senza::StupsAutoConfiguration"),
    );
    only(
        &changed("InstanceType: t3.micro", "InstanceType: [t3.micro]"),
        "wrong-type",
        None,
    );
    let missing = fixes(&changed("      InstanceType: t3.micro\n", ""));
    assert_eq!(missing, [("missing-property".to_owned(), None)]);
    only(
        &changed("Scheme: internet-facing", "Schema: internal"),
        "unknown-property",
        Some("Scheme"),
    );
    only(
        &changed("Scheme: internet-facing", "Scheme: public"),
        "wrong-type",
        None,
    );
    only(
        &changed(
            "ElasticLoadBalancer: AppLoadBalancer",
            "ElasticLoadBalancer: [AppLoadBalancr]",
        ),
        "unknown-component",
        Some("AppLoadBalancer"),
    );
    only(
        &changed(
            "ElasticLoadBalancer: AppLoadBalancer",
            "ElasticLoadBalancerV2: AppLoadBalancer",
        ),
        "unknown-component",
        Some("ElasticLoadBalancer: AppLoadBalancer"),
    );
    only(&changed("HTTPPort: 8080", "HTTPPort: 80800"), "port", None);
}

#[test]
fn components_of_other_makers_are_left_to_them() {
    let text = "SenzaInfo: {StackName: x}\nSenzaComponents: [{A: {Type: 'Acme::Thing', Any: {Ref: B}}}]";
    assert_eq!(lint("d.yaml", text), []);
    let text = "SenzaInfo: {StackName: x}\nSenzaComponents: [{A: {Type: 'Sensa::IamRole'}}]";
    only(text, "component-type", Some("Senza::IamRole"));
}

#[test]
fn groups_scale_sensibly() {
    for (from, to) in [
        ("2 within 15m", "2 in 15m"),
        ("MetricType: CPU", "MetricType: Memory"),
        (
            "MetricType: CPU\n        ScaleUpThreshold: 70",
            "MetricType: NetworkIn\n        ScaleUpThreshold: 5 Donkeys",
        ),
        ("Minimum: 2", "Minimum: 20"),
        ("Maximum: 10", "Maximum: 10\n        DesiredCapacity: 11"),
    ] {
        let text = changed(from, to);
        let rules: Vec<_> = lint("d.yaml", &text)
            .iter()
            .map(|finding| finding.rule.name())
            .collect();
        assert_eq!(rules, ["auto-scaling"], "{to}: {:#?}", lint("d.yaml", &text));
    }
    let without_metric = changed("        MetricType: CPU\n", "");
    assert_eq!(found(&without_metric), ["21:9 auto-scaling", "22:9 auto-scaling"]);
}

#[test]
fn taupage_can_run_it() {
    for (from, to, rule, fix) in [
        ("runtime: Docker", "runtime: rkt", "wrong-type", None),
        (
            "runtime: Docker",
            "runtime: Docker\n        application_id: Hello",
            "taupage-config",
            None,
        ),
        (
            "runtime: Docker",
            "runtime: Docker\n        application_version: 1.0",
            "taupage-config",
            Some("\"1.0\""),
        ),
        (
            "'stups/hello-world:{{Arguments.ImageVersion}}'\n",
            "'a//b:{{'\n        x: '{{Arguments.ImageVersion}}'\n",
            "template",
            None,
        ),
        ("{8080: 8080}", "{8080: 80800}", "port", None),
        ("{8080: 8080}", "{http: 8080}", "port", None),
        (
            "health_check_path: /",
            "health_check_path: health",
            "taupage-config",
            Some("/health"),
        ),
    ] {
        if rule == "template" {
            continue;
        }
        only(&changed(from, to), rule, fix);
    }
    let text = changed(
        "'stups/hello-world:{{Arguments.ImageVersion}}'\n",
        "stups/hello-world:latest\n        v: '{{Arguments.ImageVersion}}'\n",
    );
    only(&text, "dated", None);
    let text = changed(
        "'stups/hello-world:{{Arguments.ImageVersion}}'\n",
        "a//b\n        v: '{{Arguments.ImageVersion}}'\n",
    );
    only(&text, "taupage-config", Some("registry/team/artifact:tag"));
    let text = changed("StackName: hello-world", "StackName: Hello");
    only(&text, "taupage-config", None);
}

#[test]
fn templates_use_what_is_defined() {
    let at_path = |template: &str| changed("health_check_path: /", &format!("health_check_path: '/{template}'"));
    for (template, rule, fix) in [
        (
            "{{Arguments.ImageVersoin}}",
            "undefined-variable",
            Some("Arguments.ImageVersion"),
        ),
        (
            "{{Arguments.Other}}",
            "undefined-variable",
            Some("declare the parameter: \"- Other: {}\" below SenzaInfo/Parameters"),
        ),
        ("{{AccountInfo.Team}}", "undefined-variable", Some("AccountInfo.TeamID")),
        (
            "{{SenzaInfo.StackNam}}",
            "undefined-variable",
            Some("SenzaInfo.StackName"),
        ),
        ("{{ImageVersion}}", "undefined-variable", Some("Arguments.ImageVersion")),
        ("{{#Arguments.ImageVersion}}x", "template", None),
        ("{{> x}}", "template", None),
    ] {
        only(&at_path(template), rule, fix);
    }
    for good in [
        "{{Arguments.version}}",
        "{{SenzaInfo.StackVersion}}",
        "{{AccountInfo.Region}}",
        "{{resolve:ssm:/x}}",
        "{{#SenzaInfo}}{{StackName}}{{/SenzaInfo}}",
        "{{=<% %>=}}{{x}}",
    ] {
        assert_eq!(lint("d.yaml", &at_path(good)), [], "{good}");
    }
    // At the place of the name, also in a text of several lines.
    let text = changed(
        "health_check_path: /",
        "user: |\n          one\n          two {{Arguments.No}}",
    );
    assert_eq!(found(&text), ["30:17 undefined-variable"]);
    only(
        &changed("StackName: hello-world", "StackName: '{{SenzaInfo.X}}'"),
        "undefined-variable",
        None,
    );
    let text = changed("Default: ''", "Default: '{{Arguments.ImageVersion}}'");
    only(&text, "undefined-variable", None);
    let text = changed("    - ImageVersion:", "    - Unused: {Default: 1}\n    - ImageVersion:");
    only(&text, "unused-parameter", None);
}

#[test]
fn html_is_not_what_was_meant() {
    let text = changed(
        "    - Secret:\n",
        "    - Url: {Default: 'http://x/?a=1&b=2'}\n    - Secret:\n",
    );
    let text = text.replacen("health_check_path: /\n", "health_check_path: '/{{Arguments.Url}}'\n", 1);
    only(&text, "html-escaping", Some("{{{Arguments.Url}}}"));
    let text = text.replacen("'/{{Arguments.Url}}'", "'/{{{Arguments.Url}}}'", 1);
    assert_eq!(lint("d.yaml", &text), []);
}

#[test]
fn references_lead_somewhere() {
    for (from, to, rule, fix) in [
        ("{Ref: Topic}", "{Ref: Topik}", "logical-id", Some("Topic")),
        (
            "!GetAtt AppLoadBalancer.DNSName",
            "!GetAtt AppLoadBalancr.DNSName",
            "logical-id",
            Some("AppLoadBalancer"),
        ),
        (
            "${AppServer}",
            "${AppServerr}",
            "uncertain-logical-id",
            Some("AppServer"),
        ),
        ("${AppServer}", "${Nothing.At}", "logical-id", None),
        (
            "{Type: 'AWS::SNS::Topic', ",
            "{Type: 'AWS::SNS::Topic', DependsOn: [Nothing], ",
            "logical-id",
            None,
        ),
    ] {
        only(&changed(from, to), rule, fix);
    }
    for (from, to) in [
        (
            "${AppServer}",
            "${!Literal} ${ImageVersion} ${AppServerConfig} ${AppLoadBalancerMainDomain}",
        ),
        (
            "Resources:\n",
            "Transform: AWS::LanguageExtensions\nResources:\n  X: {Type: x, A: {Ref: Y}}\n",
        ),
    ] {
        assert_eq!(lint("d.yaml", &changed(from, to)), [], "{to}");
    }
}

#[test]
fn what_is_dated_is_said() {
    let volumes =
        "InstanceType: t3.micro\n      BlockDeviceMappings: [{DeviceName: /dev/sda1, Ebs: {VolumeType: gp2}}]";
    only(&changed("InstanceType: t3.micro", volumes), "dated", Some("gp3"));
    let redis = "  - Cache: {Type: 'Senza::RedisNode', EngineVersion: 2.8.19, CacheNodeType: cache.t2.small, SecurityGroups: [x]}\nResources:\n";
    assert_eq!(
        fixes(&changed("Resources:\n", redis)),
        [
            ("dated".to_owned(), None),
            ("dated".to_owned(), Some("cache.t4g.small".to_owned()))
        ]
    );
}

#[test]
fn long_names_are_said() {
    let long = changed("StackName: hello-world", &format!("StackName: {}", "a".repeat(31)));
    only(&long, "long-name", None);
    let text = format!("SenzaInfo: {{StackName: {}}}", "a".repeat(127));
    only(&text, "limit", None);
}

#[test]
fn secrets_are_not_in_clear() {
    let environment = |entry: &str| {
        changed(
            "TOPIC: {Ref: Topic}",
            &format!("TOPIC: {{Ref: Topic}}\n          {entry}"),
        )
    };
    let hint = "aws:kms:<base64>, {{resolve:secretsmanager:...}}, or a parameter with NoEcho";
    only(&environment("API_KEY: abcdef"), "likely-secret", Some(hint));
    only(&environment("KEY: AKIAIOSFODNN7EXAMPLE"), "clear-secret", None);
    only(
        &environment("PEM: '-----BEGIN RSA PRIVATE KEY----- x'"),
        "clear-secret",
        Some("encrypt it with KMS: aws:kms:<base64>"),
    );
    only(
        &changed("        NoEcho: true\n", ""),
        "likely-secret",
        Some("NoEcho: true"),
    );
    for good in [
        "API_KEY: 'aws:kms:abc'",
        "PASSWORD_FILE: x",
        "PASSWORD: '{{resolve:secretsmanager:x}}'",
        "SECRET_URL: http://x",
        "USE_PASSWORD: 'true'",
    ] {
        assert_eq!(lint("d.yaml", &environment(good)), [], "{good}");
    }
}

#[test]
fn stacks_have_limits() {
    let outputs: Vec<String> = (0..201).map(|number| format!("  O{number}: {{Value: x}}\n")).collect();
    let outputs = outputs.concat();
    let text = format!("SenzaInfo: {{StackName: x}}\nOutputs:\n{outputs}");
    assert_eq!(found(&text), ["2:1 limit"]);
}

/// What SARIF 2.1.0 requires of what is used of it (sections 3.13, 3.14, 3.18, 3.19, 3.27 to 3.30, 3.49).
#[test]
fn sarif_is_structured_as_the_standard_says() {
    let text = changed("Scheme: internet-facing", "Schema: internal");
    let log = sarif_log(&lint("./a b.yaml", &text));
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "senza lint");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), Rule::ALL.len());
    let levels = ["none", "note", "warning", "error"];
    for rule in rules {
        assert!(!rule["shortDescription"]["text"].as_str().unwrap().is_empty());
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"], json!({"uri": "a%20b.yaml"}));
        assert!(location["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(location["region"]["startColumn"].as_u64().unwrap() >= 1);
    }
    assert_eq!(
        results[0]["message"],
        json!({"text": "nobody here knows the property Schema (fix: Scheme)"})
    );
}

proptest::proptest! {
    /// No text makes it panic.
    #[test]
    fn anything_can_be_linted(text in "(SenzaInfo:|StackName: |Parameters:|SenzaComponents:|Type: |Senza::IamRole|TaupageConfig: |AutoScaling: |ports: |- |\n|  |a: |\\{|\\}|\\{\\{|\\}\\}|\\$\\{|!Sub |!Ref |1|ä|'|AKIA){0,30}") {
        let _ = lint("d.yaml", &text);
    }
}

#[test]
fn senza_info_holds_what_a_mapping_can() {
    only(
        "SenzaInfo:\n  StackName: x\n  Database:\n    name: a\n    size: 3\n",
        "senza-info-value",
        Some("a key for each value: DatabaseName, DatabaseSize"),
    );
    assert_eq!(
        found("SenzaInfo:\n  StackName: x\n  Database:\n    name: a\n  Empty:\n  snake_case: a\n"),
        ["4:5 senza-info-value", "5:3 senza-info-value", "6:3 senza-info-value"]
    );
    only(
        "SenzaInfo: {StackName: x, snake_case: a}",
        "senza-info-value",
        Some("SnakeCase"),
    );
    for sound in [
        "Names: [a, b]",
        "Mixed: [{a: b}, [c], 1]",
        "Size: 3",
        "On: true",
        "Tags: {Team: x}",
        "Empty: ''",
    ] {
        assert_eq!(
            found(&format!("SenzaInfo:\n  StackName: x\n  {sound}\n")),
            Vec::<String>::new(),
            "{sound}"
        );
    }
}
