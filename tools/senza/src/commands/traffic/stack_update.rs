//! Changing the weight of a stack's records through CloudFormation, in the stack's own template.
//!
//! Records are found by what CloudFormation made of them (physical id and set identifier), not by the template's text:
//! names are often `Ref` or `Fn::Sub` there. Everything else of the stack stays as it is, parameters keep their values.

use std::time::Duration;

use futures::future::try_join;
use serde_json::{Value as Json, json};
use stups_aws::Session;
use stups_aws::cloudformation::types::{Capability, Parameter, Stack};

use super::memory::Memory;
use crate::Error;
use crate::deployed::{self, StackRecord};
use crate::route53::canonical;

/// CloudFormation takes templates of up to this many bytes in a request.
const TEMPLATE_LIMIT: usize = 51_200;
/// A change of weights takes about a minute.
const UPDATE_LIMIT: Duration = Duration::from_mins(15);

/// A stack's template before and after.
#[derive(Clone, Debug)]
pub(super) struct StackUpdate {
    /// the stack's ARN
    pub(super) stack_id: String,
    parameters: Vec<String>,
    capabilities: Vec<Capability>,
    old_template: String,
    new_template: String,
    /// for each wanted name: the types of the records that the template makes
    pub(super) record_types: Vec<(String, String)>,
}

/// What a name's record is to get.
#[derive(Clone, Debug)]
pub(super) struct NewWeight<'a> {
    /// the name, canonical
    pub(super) domain: &'a str,
    /// the record's new weight
    pub(super) weight: i64,
    /// what is kept with it
    pub(super) memory: &'a Memory,
}

/// Which template to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// to the new weights
    Forward,
    /// to what was before
    Back,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// the stack was updated
    Updated,
    /// the template has these weights already
    NothingToDo,
    /// the stack was deleted meanwhile
    NoStack,
}

/// Why a stack's template cannot be changed, so that only Route 53 can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsuitable(pub(super) String);

/// Reads a stack's template and puts the weights `wanted` in.
pub(super) async fn prepare(
    session: &Session,
    stack: &Stack,
    records: impl Future<Output = Result<Vec<StackRecord>, Error>>,
    wanted: &[NewWeight<'_>],
) -> Result<Result<StackUpdate, Unsuitable>, Error> {
    let stack_id = stack.stack_id().or(stack.stack_name()).unwrap_or_default();
    let (old_template, records) = try_join(deployed::template_body(session, stack_id), records).await?;
    let identifier = stack.stack_name().unwrap_or_default();
    Ok(
        with_weights(&old_template, &records, identifier, wanted).map(|(new_template, record_types)| StackUpdate {
            stack_id: stack_id.to_owned(),
            parameters: stack
                .parameters()
                .iter()
                .filter_map(|parameter| parameter.parameter_key.clone())
                .collect(),
            capabilities: stack.capabilities().to_vec(),
            old_template,
            new_template,
            record_types,
        }),
    )
}

impl StackUpdate {
    /// Updates the stack and waits until that is done; calls `tick` while it takes long.
    pub(super) async fn run(&self, session: &Session, direction: Direction, tick: impl Fn()) -> Result<Outcome, Error> {
        let template = match direction {
            Direction::Forward => &self.new_template,
            Direction::Back => &self.old_template,
        };
        let keep = |key: &String| Parameter::builder().parameter_key(key).use_previous_value(true).build();
        let request = session
            .cloudformation()
            .update_stack()
            .stack_name(&self.stack_id)
            .template_body(template)
            .set_parameters(Some(self.parameters.iter().map(keep).collect()))
            .set_capabilities(Some(self.capabilities.clone()));
        match request.send().await.map_err(stups_aws::Error::from) {
            Ok(_) => {}
            Err(error) if error.message.contains("No updates are to be performed") => return Ok(Outcome::NothingToDo),
            Err(error) if deployed::is_absence(&error) => return Ok(Outcome::NoStack),
            Err(error) => return Err(error.into()),
        }
        match deployed::wait_until_settled(session, &self.stack_id, UPDATE_LIMIT, tick).await? {
            Some(stack) if deployed::status(&stack) == "UPDATE_COMPLETE" => Ok(Outcome::Updated),
            Some(stack) => Err(Error::Fatal(format!(
                "update ended as {}: {}",
                deployed::status(&stack),
                stack.stack_status_reason().unwrap_or("no reason given")
            ))),
            None => Err(Error::Fatal("the stack is gone".to_owned())),
        }
    }
}

/// The template with the weights `wanted`, and the (name, type) of each record that was changed.
fn with_weights(
    body: &str,
    records: &[StackRecord],
    identifier: &str,
    wanted: &[NewWeight<'_>],
) -> Result<(String, Vec<(String, String)>), Unsuitable> {
    let mut template = deployed::parse_template(body).map_err(Unsuitable)?;
    let mut record_types = Vec::new();
    for NewWeight { domain, weight, memory } in wanted {
        let before = record_types.len();
        for record in records.iter().filter(|record| canonical(&record.domain) == *domain) {
            let resource = template
                .get_mut("Resources")
                .and_then(|resources| resources.get_mut(&record.logical_id))
                .and_then(Json::as_object_mut);
            let Some(resource) = resource else { continue };
            let properties = resource.get_mut("Properties").and_then(Json::as_object_mut);
            let Some(properties) = properties.filter(|properties| {
                match properties.get("SetIdentifier") {
                    Some(Json::String(literal)) => literal == identifier,
                    // `Ref`, `Fn::Sub`: the physical id has already said which record it is.
                    Some(Json::Object(_)) => true,
                    _ => false,
                }
            }) else {
                continue;
            };
            properties.insert("Weight".to_owned(), json!(weight));
            let record_type = properties.get("Type").and_then(Json::as_str).unwrap_or_default();
            record_types.push(((*domain).to_owned(), record_type.to_owned()));
            memory.keep_in(resource, domain);
        }
        if record_types.len() == before {
            return Err(Unsuitable(format!("its template has no weighted record for {domain}")));
        }
    }
    let body = template.to_string();
    if body.len() > TEMPLATE_LIMIT {
        return Err(Unsuitable(format!(
            "its template has {} bytes, CloudFormation takes {TEMPLATE_LIMIT} in an update",
            body.len()
        )));
    }
    Ok((body, record_types))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn record(logical_id: &str, domain: &str) -> StackRecord {
        StackRecord {
            logical_id: logical_id.to_owned(),
            domain: domain.to_owned(),
            updated: None,
        }
    }

    fn template() -> Json {
        json!({"Parameters": {"Zone": {"Type": "String"}}, "Resources": {
            "Main": {"Type": "AWS::Route53::RecordSet", "Properties": {
                "Name": {"Fn::Sub": "app.${Zone}"}, "Type": "A", "SetIdentifier": {"Ref": "AWS::StackName"}, "Weight": 0}},
            "Ipv6": {"Type": "AWS::Route53::RecordSet", "Properties": {
                "Name": "app.example.org.", "Type": "AAAA", "SetIdentifier": "app-1", "Weight": 0}},
            "Other": {"Type": "AWS::Route53::RecordSet", "Properties": {
                "Name": "app.example.org.", "Type": "A", "SetIdentifier": "app-9", "Weight": 7}},
            "Plain": {"Type": "AWS::Route53::RecordSet", "Properties": {"Name": "app.example.org.", "Type": "A"}}}})
    }

    fn to(domain: &str, weight: i64) -> NewWeight<'_> {
        static MEMORY: LazyLock<Memory> = LazyLock::new(Memory::default);
        NewWeight {
            domain,
            weight,
            memory: &MEMORY,
        }
    }

    fn all_records() -> Vec<StackRecord> {
        vec![
            record("Main", "app.example.org"),
            record("Ipv6", "app.example.org."),
            record("Other", "app.example.org"),
            record("Plain", "app.example.org"),
        ]
    }

    #[test]
    fn records_are_found_by_what_cloudformation_made_of_them() {
        let (body, types) = with_weights(
            &template().to_string(),
            &all_records(),
            "app-1",
            &[to("app.example.org", 30)],
        )
        .unwrap();
        let mut expected = template();
        for changed in ["Main", "Ipv6"] {
            expected["Resources"][changed]["Properties"]["Weight"] = json!(30);
            expected["Resources"][changed]["Metadata"] = json!({"Senza": {"Traffic": {
                "Domain": "app.example.org", "Changed": "1970-01-01T00:00:00Z", "Before": {}, "After": {}}}});
        }
        assert_eq!(serde_json::from_str::<Json>(&body).unwrap(), expected);
        let types: Vec<&str> = types.iter().map(|(_, record_type)| record_type.as_str()).collect();
        assert_eq!(types, ["A", "AAAA"]);
    }

    #[test]
    fn a_template_without_the_record_is_left_alone() {
        for (records, domain) in [(all_records(), "other.example.org"), (Vec::new(), "app.example.org")] {
            let Unsuitable(reason) =
                with_weights(&template().to_string(), &records, "app-1", &[to(domain, 30)]).unwrap_err();
            assert_eq!(reason, format!("its template has no weighted record for {domain}"));
        }
    }

    #[test]
    fn large_templates_are_left_alone() {
        let mut large = template();
        large["Description"] = json!("x".repeat(TEMPLATE_LIMIT));
        let Unsuitable(reason) = with_weights(
            &large.to_string(),
            &all_records(),
            "app-1",
            &[to("app.example.org", 30)],
        )
        .unwrap_err();
        assert!(reason.ends_with("CloudFormation takes 51200 in an update"), "{reason}");
    }

    #[test]
    fn templates_in_yaml_are_understood() {
        let body = "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  Main:\n    Type: AWS::Route53::RecordSet\n    \
                    Properties:\n      Name: !Sub 'app.${Zone}'\n      SetIdentifier: app-1\n      Type: CNAME\n      Weight: 0\n";
        let (body, types) = with_weights(
            body,
            &[record("Main", "app.example.org")],
            "app-1",
            &[to("app.example.org", 30)],
        )
        .unwrap();
        let template: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(template["Resources"]["Main"]["Properties"]["Weight"], json!(30));
        assert_eq!(
            template["Resources"]["Main"]["Properties"]["Name"],
            json!({"Fn::Sub": "app.${Zone}"})
        );
        assert_eq!(template["AWSTemplateFormatVersion"], json!("2010-09-09"));
        assert_eq!(types[0].1, "CNAME");
    }

    #[test]
    fn what_is_no_template_is_left_alone() {
        for body in ["", "[]", "{\"Resources\": []}", "a: b: c", "42"] {
            assert!(
                with_weights(body, &all_records(), "app-1", &[to("app.example.org", 1)]).is_err(),
                "{body}"
            );
        }
    }
}
