//! What the scanner makes of characters.

use crate::reader::Position;

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) position: Position,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    StreamEnd,
    /// `%YAML`, or a directive that means nothing
    Directive,
    /// `---`
    DocumentStart,
    /// `...`
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    /// `-`
    BlockEntry,
    /// `,`
    FlowEntry,
    /// `?`, or a key that was found to be one
    Key,
    /// `:`
    Value,
    Alias(String),
    Anchor(String),
    /// in full, such as `tag:yaml.org,2002:str` or `!Ref`
    Tag(String),
    Scalar {
        text: String,
        plain: bool,
    },
}

impl TokenKind {
    /// What a person calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::StreamEnd => "the end of the text",
            Self::Directive => "a directive",
            Self::DocumentStart => "'---'",
            Self::DocumentEnd => "'...'",
            Self::BlockSequenceStart => "a list",
            Self::BlockMappingStart => "a map",
            Self::BlockEnd => "the end of the indented block",
            Self::FlowSequenceStart => "'['",
            Self::FlowSequenceEnd => "']'",
            Self::FlowMappingStart => "'{'",
            Self::FlowMappingEnd => "'}'",
            Self::BlockEntry => "'-'",
            Self::FlowEntry => "','",
            Self::Key => "a key",
            Self::Value => "':'",
            Self::Alias(_) => "an alias",
            Self::Anchor(_) => "an anchor",
            Self::Tag(_) => "a tag",
            Self::Scalar { .. } => "a scalar",
        }
    }
}
