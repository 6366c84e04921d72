//! The keys of `SenzaInfo` that mean something to Senza. Others are free: they are there for templates.

use super::property_table::{Kind, Property, any, boolean, list_of, text};

/// What Senza reads of `SenzaInfo`.
pub(crate) const SENZA_INFO: &[Property] = &[
    text("StackName", "name of the stack, without its version").required(),
    list_of(
        "Parameters",
        &Kind::MapOf(&Kind::OpenMap(PARAMETER)),
        "parameters of the command line, in order",
    ),
    any("Tags", "tags of the stack: a map, or a list of maps"),
    text(
        "OperatorTopicId",
        "name or ARN of the SNS topic that is told what happens to the stack",
    ),
    text(
        "SpotinstAccessToken",
        "access token of Spot's API; senza:kms:<base64> is decrypted",
    ),
    text("SpotinstAccountId", "account at Spot").default("the one that Spot knows for the AWS account"),
    text("Compatibility", "which generation of AWS resources is made")
        .one_of(&["2.1", "3"])
        .default("3")
        .since_3(),
];

const PARAMETER: &[Property] = &[
    text("Description", "what it is for"),
    any(
        "Default",
        "its value when the command line has none; without it, the parameter is required",
    ),
    text("Type", "CloudFormation's type of it").default("String"),
    boolean("NoEcho", "whether CloudFormation hides its value"),
    text("AllowedPattern", "regular expression that its value must match"),
    any("AllowedValues", "its allowed values"),
    text("ConstraintDescription", "as in CloudFormation"),
];
