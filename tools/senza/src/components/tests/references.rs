//! Security groups and what other stacks offer.

use serde_json::json;

use super::*;

fn resource(resource_type: &str, physical_id: &str, status: &str) -> StackResource {
    StackResource {
        status: status.to_owned(),
        resource_type: resource_type.to_owned(),
        physical_id: physical_id.to_owned(),
    }
}

fn outputs(status: &str, values: &[(&str, &str)]) -> StackOutputs {
    StackOutputs {
        status: status.to_owned(),
        values: values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

async fn groups(written: &str, answers: Answers) -> Result<Json, String> {
    let definition = format!(
        "SenzaComponents: [{{App: {{Type: 'Senza::AutoScalingGroup', InstanceType: t, Image: i, SecurityGroups: {written}}}}}]"
    );
    let generated = generate(&definition, Senza2, answers).await;
    generated
        .result
        .map(|template| template["Resources"]["AppConfig"]["Properties"]["SecurityGroups"].clone())
}

#[tokio::test]
async fn security_groups_resolve_in_order() {
    let answers = || Answers {
        security_groups: vec![
            group("sg-by-name", "app", None, "vpc-1"),
            group("sg-by-tag", "other", Some("app"), "vpc-1"),
            group("sg-named", "named", None, "vpc-1"),
        ],
        stack_resources: vec![
            (
                "base/Group",
                resource("AWS::EC2::SecurityGroup", "sg-7", "CREATE_COMPLETE"),
            ),
            (
                "base/Named",
                resource("AWS::EC2::SecurityGroup", "named", "UPDATE_COMPLETE"),
            ),
        ],
        stack_outputs: vec![("base", outputs("UPDATE_ROLLBACK_COMPLETE", &[("Sg", "sg-8")]))],
        ..standard()
    };
    assert_eq!(
        groups(
            "[{'Fn::GetAtt': [X, GroupId]}, sg-1, app, named, {Stack: base, LogicalId: Group}, \
             {Stack: base, LogicalId: Named}, {Stack: base, Output: Sg}]",
            answers()
        )
        .await,
        Ok(json!([{"Fn::GetAtt": ["X", "GroupId"]}, "sg-1", "sg-by-tag", "sg-named", "sg-7", "sg-named", "sg-8"]))
    );
    assert_eq!(
        groups("app", answers()).await,
        Ok(json!(["sg-by-tag"])),
        "text instead of a list"
    );
}

#[tokio::test]
async fn of_several_groups_the_one_in_the_stacks_vpc_counts() {
    let answers = Answers {
        security_groups: vec![
            group("sg-elsewhere", "x", Some("app"), "vpc-2"),
            group("sg-here", "app", None, "vpc-1"),
        ],
        ..standard()
    };
    assert_eq!(groups("[app]", answers).await, Ok(json!(["sg-here"])));
}

#[tokio::test]
async fn unknown_security_groups_are_named() {
    let error = groups("[app-unknown]", standard()).await.unwrap_err();
    assert!(error.contains("\"app-unknown\" does not exist"), "{error}");
    let error = groups("['']", standard()).await.unwrap_err();
    assert!(
        error.starts_with("SenzaComponents/App/SecurityGroups/0: must be"),
        "{error}"
    );
}

#[tokio::test]
async fn references_need_a_finished_stack_and_an_existing_output() {
    let resources = |status: &str| Answers {
        stack_resources: vec![("base/Role", resource("AWS::IAM::Role", "base-role", status))],
        ..standard()
    };
    let role = "SenzaComponents: [{App: {Type: 'Senza::AutoScalingGroup', InstanceType: t, Image: i, \
                IamRoles: [{Stack: base, LogicalId: Role}]}}]";
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
        let generated = generate(role, Senza2, resources(status)).await;
        assert_eq!(
            generated.at("/Resources/AppInstanceProfile/Properties/Roles"),
            json!(["base-role"])
        );
    }
    let error = generate(role, Senza2, resources("CREATE_IN_PROGRESS")).await.error();
    assert_eq!(
        error,
        "SenzaComponents/App/IamRoles/0: Resource \"Role\" is not ready (\"CREATE_IN_PROGRESS\")"
    );
    let with = |status: &str, values: &[(&str, &str)]| Answers {
        stack_outputs: vec![("base", outputs(status, values))],
        ..standard()
    };
    for (answers, expected) in [
        (
            with("UPDATE_IN_PROGRESS", &[]),
            "Stack \"base\" is not ready (\"UPDATE_IN_PROGRESS\")",
        ),
        (
            with("CREATE_COMPLETE", &[]),
            "stack \"base\" has no output \"Sg\" (it has none)",
        ),
        (
            with("CREATE_COMPLETE", &[("B", "2"), ("A", "1")]),
            "stack \"base\" has no output \"Sg\" (it has A, B)",
        ),
    ] {
        let error = groups("[{Stack: base, Output: Sg}]", answers).await.unwrap_err();
        assert_eq!(error, format!("SenzaComponents/App/SecurityGroups/0: {expected}"));
    }
}
