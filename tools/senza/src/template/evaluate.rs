//! The evaluation pipeline: the order of passes and components is the original's.

use std::collections::BTreeSet;

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::{Key, Map, Value};

use super::request::{self, StackRequest};
use super::{Arguments, Definition, account_info, secrets, stack, tree};
use crate::account::Account;
use crate::compatibility::CompatibilityChoice;
use crate::components::{self, Component, Generation};
use crate::{Compatibility, Error};

/// What evaluating a definition needs.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// the definition
    pub definition: &'a Definition,
    /// bound parameters
    pub arguments: &'a Arguments,
    /// the account to deploy to
    pub account: &'a Account,
    /// what the command line, environment and configuration file say
    pub compatibility: CompatibilityChoice,
    /// `--force`: skip the check that the Docker image exists
    pub force: bool,
    /// for warnings
    pub terminal: &'a Terminal,
}

/// Evaluates a definition: templating, components, tags, topic, capabilities.
///
/// # Errors
/// [`Error::InvalidDefinition`] with the path inside the definition; what components and AWS refuse.
pub async fn evaluate(evaluation: &Evaluation<'_>) -> Result<StackRequest, Error> {
    let info = evaluate_info(evaluation).await?;
    let compatibility = decide_compatibility(evaluation, &info).await?;
    let mut document = evaluate_document(evaluation, &info).await?;
    if compatibility == Compatibility::Senza2 {
        secrets::decrypt_in_place(evaluation, &mut document).await?;
    }

    let entries = match document.shift_remove("SenzaComponents") {
        Some(Value::List(entries)) => entries,
        _ => Vec::new(),
    };
    let components = read_components(evaluation.definition, &entries)?;
    let template = apply_components(evaluation, &info, compatibility, &components, document).await?;

    let template = Value::from(&Json::Object(template));
    let processed = Value::List(components.iter().map(processed).collect());
    let template = render_pass(evaluation, &template, &info, processed).await?;
    let Json::Object(mut template) = tree::sorted(&template).to_json() else {
        return Err(evaluation.definition.invalid("the template is not a map"));
    };
    let secrets = match compatibility {
        Compatibility::Senza2 => Vec::new(),
        Compatibility::Senza3 => secrets::pass_as_parameters(evaluation, &mut template).await?,
    };
    request::build(evaluation, compatibility, template, secrets).await
}

/// First pass: `SenzaInfo` alone. Its `Parameters` come last and may use the rest of it in their defaults.
async fn evaluate_info(evaluation: &Evaluation<'_>) -> Result<Map, Error> {
    let mut raw = evaluation.definition.info();
    raw.insert(
        Key::from("StackVersion"),
        Value::from(evaluation.arguments.version.as_str()),
    );
    let parameters = raw.shift_remove("Parameters");
    let mut info = render_info(evaluation, raw, Map::new()).await?;
    if let Some(parameters) = parameters {
        let raw = Map::from_iter([(Key::from("Parameters"), parameters)]);
        info.extend(render_info(evaluation, raw, info.clone()).await?);
    }
    match tree::sorted(&Value::Map(info)) {
        Value::Map(info) => Ok(info),
        other => Err(evaluation
            .definition
            .invalid(format!("SenzaInfo: it must be a map, not {}", other.kind()))),
    }
}

async fn render_info(evaluation: &Evaluation<'_>, raw: Map, known: Map) -> Result<Map, Error> {
    let named = Map::from_iter([(Key::from("SenzaInfo"), tree::sorted(&Value::Map(raw)))]);
    let rendered = render_pass(evaluation, &Value::Map(named), &known, Value::Map(Map::new())).await?;
    Ok(rendered
        .get("SenzaInfo")
        .and_then(Value::as_map)
        .cloned()
        .unwrap_or_default())
}

async fn decide_compatibility(evaluation: &Evaluation<'_>, info: &Map) -> Result<Compatibility, Error> {
    let definition = info
        .get("Compatibility")
        .filter(|value| **value != Value::Null)
        .map(|value| {
            Compatibility::from_value(value).ok_or_else(|| {
                evaluation
                    .definition
                    .invalid("SenzaInfo/Compatibility: it must be 2.1 or 3")
            })
        })
        .transpose()?;
    let choice = evaluation.compatibility;
    let deployed = if choice.keep_deployed && choice.requested.is_none() {
        let name = request::stack_name(evaluation.definition, info)?;
        Box::pin(stack::deployed_template(evaluation.account.session(), &name))
            .await?
            .and_then(|template| Compatibility::of_template(&template))
    } else {
        None
    };
    Ok(choice.decide(deployed, definition))
}

/// Second pass: the whole definition, with the evaluated `SenzaInfo` in `Mappings.Senza.Info`.
async fn evaluate_document(evaluation: &Evaluation<'_>, info: &Map) -> Result<Map, Error> {
    let mut document = evaluation.definition.document.clone();
    document.shift_remove("SenzaInfo");
    let mut mappings = take_map(&mut document, "Mappings");
    let mut senza = take_map(&mut mappings, "Senza");
    senza.insert(Key::from("Info"), Value::Map(info.clone()));
    mappings.insert(Key::from("Senza"), Value::Map(senza));
    document.insert(Key::from("Mappings"), Value::Map(mappings));
    let document = tree::sorted(&Value::Map(document));
    match render_pass(evaluation, &document, info, Value::List(Vec::new())).await? {
        Value::Map(document) => Ok(document),
        other => Err(evaluation
            .definition
            .invalid(format!("it must be a map, not {}", other.kind()))),
    }
}

/// Takes the map at `key` out of `map`; an empty one when there is none.
fn take_map(map: &mut Map, key: &str) -> Map {
    match map.shift_remove(key) {
        Some(Value::Map(inner)) => inner,
        _ => Map::new(),
    }
}

fn read_components(definition: &Definition, entries: &[Value]) -> Result<Vec<Component>, Error> {
    entries
        .iter()
        .filter_map(|entry| entry.as_map()?.first())
        .map(|(name, body)| {
            let mut properties = body.as_map().cloned().unwrap_or_default();
            match properties.shift_remove("Type") {
                Some(Value::String(component_type)) => Ok(Component {
                    name: name.to_string(),
                    component_type,
                    properties,
                }),
                _ => Err(definition.invalid(format!("SenzaComponents/{name}/Type: it must be text"))),
            }
        })
        .collect()
}

/// What later templates see of a component: the original adds its name to its properties.
fn processed(component: &Component) -> Value {
    let mut body = component.properties.clone();
    body.insert(Key::from("Type"), Value::from(component.component_type.as_str()));
    body.insert(Key::from("Name"), Value::from(component.name.as_str()));
    Value::Map(Map::from_iter([(Key::from(component.name.as_str()), Value::Map(body))]))
}

async fn apply_components(
    evaluation: &Evaluation<'_>,
    info: &Map,
    compatibility: Compatibility,
    components: &[Component],
    document: Map,
) -> Result<JsonMap<String, Json>, Error> {
    let (Json::Object(mut template), Json::Object(info)) =
        (Value::Map(document).to_json(), Value::Map(info.clone()).to_json())
    else {
        return Err(evaluation.definition.invalid("it must be a map"));
    };
    template
        .entry("AWSTemplateFormatVersion")
        .or_insert_with(|| Json::from("2010-09-09"));
    // Boxed: a component's look-ups are many calls, and each is a large future.
    Box::pin(components::prefetch(components, evaluation.account)).await;
    for component in components {
        let mut generation = Generation {
            template: &mut template,
            info: &info,
            arguments: evaluation.arguments,
            account: evaluation.account,
            compatibility,
            force: evaluation.force,
            terminal: evaluation.terminal,
        };
        Box::pin(components::apply(component, &mut generation)).await?;
    }
    if compatibility == Compatibility::Senza3 {
        components::check(components, &template)?;
    }
    Ok(template)
}

/// Renders `value` once: looks up what its tags ask of the account, then renders every scalar.
async fn render_pass(
    evaluation: &Evaluation<'_>,
    value: &Value,
    info: &Map,
    components: Value,
) -> Result<Value, Error> {
    let at = |error: tree::Error| evaluation.definition.invalid(error.to_string());
    let mut names = BTreeSet::new();
    tree::collect_names(value, &mut names).map_err(at)?;
    let account_info = account_info::look_up(evaluation.account, &names).await?;
    let context = Map::from_iter([
        (Key::from("SenzaInfo"), Value::Map(info.clone())),
        (Key::from("SenzaComponents"), components),
        (Key::from("Arguments"), evaluation.arguments.to_context()),
        (Key::from("AccountInfo"), Value::Map(account_info)),
    ]);
    tree::render(value, &Value::Map(context)).map_err(at)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::account::answers::Answers;
    use crate::template::bind;

    /// A definition that asks nothing of the account, evaluated.
    async fn evaluate_text(text: &str, words: &[&str]) -> Result<StackRequest, Error> {
        evaluate_definition(&Definition::parse("d.yaml", text)?, words).await
    }

    async fn evaluate_definition(definition: &Definition, words: &[&str]) -> Result<StackRequest, Error> {
        evaluate_in(Answers::default(), definition, words).await
    }

    async fn evaluate_in(answers: Answers, definition: &Definition, words: &[&str]) -> Result<StackRequest, Error> {
        let (terminal, _) = Terminal::captured("");
        let account = answers.account(&terminal).await;
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let arguments = bind(definition, "v1", &words, &account).await?;
        let evaluation = Evaluation {
            definition,
            arguments: &arguments,
            account: &account,
            compatibility: CompatibilityChoice::default(),
            force: false,
            terminal: &terminal,
        };
        evaluate(&evaluation).await
    }

    #[tokio::test]
    async fn an_account_id_keeps_its_leading_zero_and_the_team_follows_the_dash() {
        let answers = Answers {
            id: Some("0123456789"),
            alias: Some("org-dummy"),
            ..Answers::default()
        };
        let text = "SenzaInfo: {StackName: test}\nMappings: {M: {a: {Id: '{{AccountInfo.AccountID}}', \
                    Team: '{{AccountInfo.TeamID}}'}}}";
        let definition = Definition::parse("d.yaml", text).unwrap();
        let request = evaluate_in(answers, &definition, &[]).await.unwrap();
        assert_eq!(
            request.template["Mappings"]["M"]["a"],
            json!({"Id": "0123456789", "Team": "dummy"})
        );
    }

    async fn template_of(text: &str, words: &[&str]) -> Json {
        Json::Object(evaluate_text(text, words).await.unwrap().template)
    }

    #[tokio::test]
    async fn plain_cloudformation_passes_through() {
        let template = template_of(
            "SenzaInfo: {StackName: x, Free: {a: [1, yes, ~]}}\n\
             Description: d\n\
             Mappings: {Own: {Map: {8080: v}}}\n\
             Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: !Sub '${AWS::Region} x'}}}\n",
            &[],
        )
        .await;
        assert_eq!(
            template,
            json!({
                "AWSTemplateFormatVersion": "2010-09-09",
                "Description": "d",
                "Mappings": {
                    "Own": {"Map": {"8080": "v"}},
                    "Senza": {"Info": {
                        "StackName": "x", "StackVersion": "v1", "Free": {"a": [1, true, null]},
                        "Tags": [{"Name": "x-v1"}, {"StackName": "x"}, {"StackVersion": "v1"}],
                    }},
                },
                "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Sub": "${AWS::Region} x"}}}},
            })
        );
    }

    #[tokio::test]
    async fn each_pass_escapes_what_it_inserts() {
        let template = template_of(
            "SenzaInfo: {StackName: x, Parameters: [{A: }], Once: '{{Arguments.A}}'}\n\
             Outputs: {O: {Raw: '{{{Arguments.A}}}', Once: '{{Arguments.A}}', Twice: '{{SenzaInfo.Once}}'}}\n",
            &["A=<&"],
        )
        .await;
        assert_eq!(
            template["Outputs"]["O"],
            json!({"Raw": "<&", "Once": "&lt;&amp;", "Twice": "&amp;lt;&amp;amp;"})
        );
        assert_eq!(template["Mappings"]["Senza"]["Info"]["Once"], "&lt;&amp;");
    }

    #[tokio::test]
    async fn literal_tags_need_a_change_of_delimiters_per_pass() {
        let text = "SenzaInfo: {StackName: x}\nOutputs: {O: '{{=<% %>=}}{{=(( ))=}}{{x}}'}";
        assert_eq!(template_of(text, &[]).await["Outputs"]["O"], "{{x}}");
    }

    #[tokio::test]
    async fn dynamic_references_survive_every_pass() {
        let text = "SenzaInfo: {StackName: x, Parameters: [{Stage: }], Secret: '{{resolve:ssm:/{{Arguments.Stage}}/a}}'}\n\
                    Outputs: {O: 'p={{resolve:secretsmanager:db:SecretString:{{Arguments.Stage}}}}'}";
        let template = template_of(text, &["live"]).await;
        assert_eq!(
            template["Mappings"]["Senza"]["Info"]["Secret"],
            "{{resolve:ssm:/live/a}}"
        );
        assert_eq!(
            template["Outputs"]["O"],
            "p={{resolve:secretsmanager:db:SecretString:live}}"
        );
    }

    #[tokio::test]
    async fn numbers_from_templates_are_numbers_unless_quoted() {
        let text = "SenzaInfo: {StackName: x, Parameters: [{N: }]}\n\
                    Outputs: {A: '1{{Arguments.N}}', B: '{{Arguments.N}}', '80{{Arguments.N}}': c}";
        assert_eq!(
            template_of(text, &["80"]).await["Outputs"],
            json!({"A": 180, "B": "80", "8080": "c"})
        );
    }

    #[tokio::test]
    async fn defaults_may_use_senza_info() {
        let text = "SenzaInfo:\n  StackName: app-{{Arguments.Stage}}\n  Parameters:\n  - Stage: {Default: live}\n\
                    \x20 - Domain: {Default: '{{SenzaInfo.StackName}}-{{SenzaInfo.StackVersion}}'}\n\
                    Outputs: {O: '{{Arguments.Domain}}'}";
        let template = template_of(text, &[]).await;
        assert_eq!(template["Outputs"]["O"], "app-live-v1");
        let parameters = &template["Mappings"]["Senza"]["Info"]["Parameters"];
        assert_eq!(parameters[1]["Domain"]["Default"], "app-live-v1");
        assert_eq!(template_of(text, &["test"]).await["Outputs"]["O"], "app-test-v1");
        assert_eq!(template_of(text, &["Domain=d"]).await["Outputs"]["O"], "d");
    }

    #[tokio::test]
    async fn defaults_fill_what_is_not_given_as_text() {
        let text = "SenzaInfo: {StackName: x, Parameters: [{A: }, {B: {Default: no}}, {C: {Default: 5}}, {D: {Default: '{{AccountInfo.Region}}'}}]}\n\
                    Outputs: {O: '{{Arguments.A}} {{Arguments.B}} {{Arguments.C}} {{Arguments.D}} {{Arguments.region}} {{Arguments.version}}'}";
        for (words, expected) in [
            (&["a"][..], "a False 5 eu-west-1 eu-west-1 v1"),
            (&["a", "b", "c", "d"], "a b c d eu-west-1 v1"),
            (&["D=", "A=a"], "a False 5  eu-west-1 v1"),
        ] {
            assert_eq!(template_of(text, words).await["Outputs"]["O"], expected);
        }
        let missing = evaluate_text(text, &["B=1"]).await.unwrap_err().into_failure();
        assert_eq!(missing.exit_code, 2);
        assert_eq!(missing.message, "Missing parameter \"A\". Need: \"A B C D\"");
    }

    #[tokio::test]
    async fn tags_of_the_definition_come_first_and_cannot_replace_the_three() {
        for tags in [
            "{Team: t, Name: mine, Port: 80}",
            "[{Name: mine}, {Port: 80}, {Team: '{{Arguments.T}}'}]",
        ] {
            let text = format!("SenzaInfo: {{StackName: x, Tags: {tags}, Parameters: [{{T: {{Default: t}}}}]}}");
            let request = evaluate_text(&text, &[]).await.unwrap();
            let tags: IndexMap<&str, &str> = request
                .tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            assert_eq!(
                tags,
                IndexMap::from([
                    ("Name", "x-v1"),
                    ("Port", "80"),
                    ("Team", "t"),
                    ("StackName", "x"),
                    ("StackVersion", "v1")
                ])
            );
            let written = &request.template["Mappings"]["Senza"]["Info"]["Tags"];
            assert_eq!(written[1], json!({"Port": 80}));
        }
    }

    #[tokio::test]
    async fn parameters_without_an_argument_are_left_to_their_defaults() {
        let text = "SenzaInfo: {StackName: x, Parameters: [{A: }]}\n\
                    Parameters: {A: {Type: String}, B: {Type: String, Default: b}, version: {Type: String}}";
        let request = evaluate_text(text, &["1"]).await.unwrap();
        let parameters = [("A", "1"), ("version", "v1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(request.parameters, parameters);
        assert!(!format!("{request:?}").contains("\"1\""));
    }

    #[tokio::test]
    async fn errors_name_the_place_and_what_exists() {
        let info =
            |entries: &str| format!("SenzaInfo: {{StackName: x, Parameters: [{{Image: {{Default: i}}}}], {entries}}}");
        for (text, message) in [
            (
                format!(
                    "{}\nSenzaComponents: [{{A: {{Type: x, Y: '{{{{Arguments.Imgae}}}}'}}}}]",
                    info("a: b")
                ),
                "SenzaComponents/A/Y: \"Arguments.Imgae\" is not defined, did you mean \"Arguments.Image\"?",
            ),
            (
                info("Team: '{{AccountInfo.Team}}'"),
                "SenzaInfo/Team: \"AccountInfo.Team\" is not defined, did you mean \"AccountInfo.TeamID\"?",
            ),
            (
                info("Team: '{{SenzaInfo.StackName}}'"),
                "SenzaInfo/Team: \"SenzaInfo.StackName\" is not defined",
            ),
            (info("Compatibility: 2"), "SenzaInfo/Compatibility: it must be 2.1 or 3"),
            (info("Tags: {A: [1]}"), "SenzaInfo/Tags/A: it must be text, not a list"),
            (
                info("Tags: x"),
                "SenzaInfo/Tags: it must be a map, or a list of maps, not text",
            ),
            (
                info("Tags: [x]"),
                "SenzaInfo/Tags: it must be a map, or a list of maps; there is text in it",
            ),
            (
                info("OperatorTopicId: 5"),
                "SenzaInfo/OperatorTopicId: it must be the name or ARN of a topic, not an integer",
            ),
            (
                "SenzaInfo: {StackName: '{{> x}}'}".to_owned(),
                "SenzaInfo/StackName: {{> x}}: partials are not supported",
            ),
            (
                "SenzaInfo: {StackName: x, Parameters: [{A: {Default: '{{SenzaInfo.Nothing}}'}}]}".to_owned(),
                "SenzaInfo/Parameters/A/Default: \"SenzaInfo.Nothing\" is not defined",
            ),
        ] {
            let failure = evaluate_text(&text, &[]).await.unwrap_err().into_failure();
            assert_eq!(failure.exit_code, 1, "{text}");
            let message = format!("d.yaml is not a valid senza definition: {message}");
            assert!(failure.message.starts_with(&message), "{failure}\n{message}");
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z:.-]{0,6}",
            Just("{{Arguments.version}}".to_owned()),
            Just("1{{Arguments.region}}".to_owned()),
            "(\\{\\{|\\}\\}|#|\\^|/|=|SenzaInfo|a|\\.| ){0,8}",
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i128>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            any_text().prop_map(Value::String),
        ];
        let key = prop_oneof![
            8 => prop::sample::select(vec![
                "StackName", "Parameters", "Tags", "Type", "Default", "Senza", "Info", "Properties", "RoleName", "Compatibility", "A", "B",
            ]).prop_map(Key::from),
            1 => any::<i8>().prop_map(|number| Key::Int(number.into())),
            1 => Just(Key::Null),
            2 => any_text().prop_map(Key::from),
        ];
        leaf.prop_recursive(4, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|entries| Value::Map(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_definition_makes_it_panic(
            info in any_value(),
            sections in prop::collection::vec((prop::sample::select(vec!["Mappings", "Parameters", "Resources", "SenzaComponents", "Outputs"]), any_value()), 0..3),
        ) {
            let mut info = info.as_map().cloned().unwrap_or_default();
            info.entry(Key::from("StackName")).or_insert(Value::from("x"));
            let mut document = Map::from_iter([(Key::from("SenzaInfo"), Value::Map(info))]);
            document.extend(sections.into_iter().map(|(name, value)| (Key::from(name), value)));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            if let Ok(definition) = Definition::new("d.yaml", Value::Map(document)) {
                let _ = runtime.block_on(evaluate_definition(&definition, &[]));
            }
        }
    }
}
