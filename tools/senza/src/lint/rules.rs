//! The rules, by the names that reports know them by.

/// How bad a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// no stack can be made, or not the one that was meant
    Error,
    /// a stack can be made, and somebody may be surprised
    Warning,
}

impl Severity {
    /// As reports spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! rules {
    ($($rule:ident $name:literal $severity:ident $about:literal;)*) => {
        /// What a mistake is a mistake against.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule {
            $(#[doc = $about] $rule,)*
        }

        impl Rule {
            /// All rules.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// How reports name it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// What it asks for.
            pub(crate) fn about(self) -> &'static str {
                match self {
                    $(Self::$rule => $about,)*
                }
            }

            /// How bad a mistake is, unless somebody is strict.
            pub(crate) fn severity(self) -> Severity {
                match self {
                    $(Self::$rule => Severity::$severity,)*
                }
            }
        }
    };
}

rules! {
    Syntax "syntax" Error "A definition is YAML.";
    Value "value" Error "Every key occurs once in its map, and every tag and scalar means something.";
    Shape "shape" Error "A definition has the sections and maps that Senza reads.";
    Info "senza-info" Error "SenzaInfo says what Senza has to know.";
    InfoKey "senza-info-key" Warning "Keys of SenzaInfo that Senza reads are spelt right.";
    InfoValue "senza-info-value" Error "SenzaInfo holds what a mapping of CloudFormation can hold.";
    ComponentType "component-type" Error "A component has a type that Senza knows.";
    UnknownProperty "unknown-property" Warning "A component has properties that somebody reads.";
    WrongType "wrong-type" Error "A property has a value of its kind.";
    MissingProperty "missing-property" Error "A component has the properties that it needs.";
    UnknownComponent "unknown-component" Error "A component refers to components that are there.";
    Taupage "taupage-config" Error "Taupage can run what it is told to.";
    Scaling "auto-scaling" Error "Signals, thresholds and sizes of a group make sense.";
    Port "port" Error "A port is a number from 1 to 65535.";
    Template "template" Error "A Mustache template can be read.";
    UndefinedVariable "undefined-variable" Error "A template uses what is defined.";
    UnusedParameter "unused-parameter" Warning "A parameter is used.";
    Escaping "html-escaping" Warning "A value is not turned into HTML on its way.";
    LogicalId "logical-id" Error "A reference leads to a resource or a parameter of the stack.";
    UncertainId "uncertain-logical-id" Warning "A reference leads to a resource that a component is known to make.";
    Dated "dated" Warning "What AWS has replaced is replaced.";
    LongName "long-name" Warning "Names have room where AWS shortens or refuses them.";
    ClearSecret "clear-secret" Error "A secret is not written into the definition.";
    LikelySecret "likely-secret" Warning "What looks like a secret is encrypted, or a parameter that nobody sees.";
    Account "account" Warning "A saved account has what a definition names.";
    LargeTemplate "large-template" Warning "A template fits into a request.";
    SchemaProperty "schema-property" Error "A resource has properties that CloudFormation knows.";
    SchemaRequired "schema-required" Error "A resource has the properties that CloudFormation asks for.";
    SchemaType "schema-type" Error "A property of a resource has a value of its kind.";
    SchemaValue "schema-value" Warning "A property of a resource has one of its values.";
    UnknownSchema "unknown-schema" Warning "CloudFormation has a schema for the type of a resource.";
    Generated "generated" Error "A template can be generated.";
    Limit "limit" Error "A stack stays within the limits of CloudFormation.";
}
