//! Component types that programs make.

use serde_json::json;

use super::*;

async fn made(component_type: &str) -> Generated {
    let definition = format!("SenzaComponents: [{{X: {{Type: '{component_type}', Name: n}}}}]\nDescription: d\n");
    let answers = Answers {
        programs: vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plug-ins").into()],
        ..standard()
    };
    generate(&definition, Senza3, answers).await
}

#[tokio::test]
async fn a_program_edits_the_template() {
    let generated = made("Acme::Topic").await;
    assert!(generated.warnings().contains("SenzaComponents/X: topics cost money"));
    let template = generated.template();
    assert_eq!(template["Resources"]["Topic"]["Type"], "AWS::SNS::Topic");
    assert_eq!(
        template["Metadata"],
        json!({
            "protocol": 1, "type": "Acme::Topic", "name": "X", "properties": {"Name": "n"},
            "template": {"Description": "d"}, "info": {"StackName": "hello-world", "StackVersion": "v1"},
            "arguments": {"region": "eu-west-1", "version": "v1", "ImageVersion": "1.0"},
            "compatibility": "3", "force": true,
        })
    );
}

#[tokio::test]
async fn what_a_program_refuses_is_said() {
    for (component_type, expected) in [
        ("Acme::Queue", "SenzaComponents/X: there is only Acme::Topic"),
        (
            "Acme::Odd",
            "SenzaComponents/X: senza-component-acme: its answer has neither a template nor an error",
        ),
        (
            "Acme::List",
            "SenzaComponents/X: senza-component-acme: its answer is not a JSON object",
        ),
        (
            "Other::Topic",
            "SenzaComponents/X/Type: Component \"Other::Topic\" does not exist, and there is no plug-in senza-component-other in PATH",
        ),
        (
            "Senza::IamRoll",
            "SenzaComponents/X/Type: Component \"Senza::IamRoll\" does not exist, did you mean \"Senza::IamRole\"?",
        ),
    ] {
        assert_eq!(made(component_type).await.error(), expected);
    }
}
