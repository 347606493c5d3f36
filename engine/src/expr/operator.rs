//! The operators of conditions and their spellings.

/// What a condition does with its two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Between,
    In,
    NotIn,
    Contains,
    NotContains,
    HasAll,
    HasAny,
    StartsWith,
    EndsWith,
    Regex,
    Exists,
    NotExists,
    IsNull,
    IsEmpty,
    Before,
    After,
    WithinLast,
    OlderThan,
    EqIgnoringCase,
    ContainsIgnoringCase,
}

/// Every spelling with its operator; the first of each is the canonical one.
const SPELLINGS: [(&str, Operator); 61] = [
    ("eq", Operator::Eq),
    ("==", Operator::Eq),
    ("=", Operator::Eq),
    ("equals", Operator::Eq),
    ("equal", Operator::Eq),
    ("is", Operator::Eq),
    ("neq", Operator::Neq),
    ("!=", Operator::Neq),
    ("ne", Operator::Neq),
    ("not_equals", Operator::Neq),
    ("not_equal", Operator::Neq),
    ("gt", Operator::Gt),
    (">", Operator::Gt),
    ("greater_than", Operator::Gt),
    ("gte", Operator::Gte),
    (">=", Operator::Gte),
    ("greater_than_or_equal", Operator::Gte),
    ("greater_than_or_equals", Operator::Gte),
    ("greater_or_equal", Operator::Gte),
    ("lt", Operator::Lt),
    ("<", Operator::Lt),
    ("less_than", Operator::Lt),
    ("lte", Operator::Lte),
    ("<=", Operator::Lte),
    ("less_than_or_equal", Operator::Lte),
    ("less_than_or_equals", Operator::Lte),
    ("less_or_equal", Operator::Lte),
    ("between", Operator::Between),
    ("in", Operator::In),
    ("one_of", Operator::In),
    ("not_in", Operator::NotIn),
    ("none_of", Operator::NotIn),
    ("contains", Operator::Contains),
    ("includes", Operator::Contains),
    ("not_contains", Operator::NotContains),
    ("does_not_contain", Operator::NotContains),
    ("has_all", Operator::HasAll),
    ("contains_all", Operator::HasAll),
    ("has_any", Operator::HasAny),
    ("contains_any", Operator::HasAny),
    ("starts_with", Operator::StartsWith),
    ("begins_with", Operator::StartsWith),
    ("ends_with", Operator::EndsWith),
    ("regex", Operator::Regex),
    ("matches", Operator::Regex),
    ("matches_regex", Operator::Regex),
    ("exists", Operator::Exists),
    ("is_present", Operator::Exists),
    ("not_exists", Operator::NotExists),
    ("does_not_exist", Operator::NotExists),
    ("is_null", Operator::IsNull),
    ("is_empty", Operator::IsEmpty),
    ("empty", Operator::IsEmpty),
    ("before", Operator::Before),
    ("after", Operator::After),
    ("within_last", Operator::WithinLast),
    ("older_than", Operator::OlderThan),
    ("ieq", Operator::EqIgnoringCase),
    ("equals_ignore_case", Operator::EqIgnoringCase),
    ("icontains", Operator::ContainsIgnoringCase),
    ("contains_ignore_case", Operator::ContainsIgnoringCase),
];

/// The canonical spelling of an operator's name; `None` when it is not known.
#[must_use]
pub fn canonical_operator(word: &str) -> Option<&'static str> {
    Operator::parse(word).map(Operator::name)
}

/// Every spelling of every operator.
#[cfg(test)]
pub(crate) fn spellings() -> impl Iterator<Item = &'static str> {
    SPELLINGS.iter().map(|(spelling, _)| *spelling)
}

impl Operator {
    pub(super) fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        SPELLINGS.iter().find(|(spelling, _)| *spelling == word).map(|(_, operator)| *operator)
    }

    /// The known spelling nearest to an unknown word.
    pub(super) fn nearest(word: &str) -> &'static str {
        SPELLINGS
            .iter()
            .map(|(spelling, _)| *spelling)
            .min_by_key(|spelling| strsim::levenshtein(spelling, word))
            .unwrap_or("eq")
    }

    pub(super) fn name(self) -> &'static str {
        SPELLINGS.iter().find(|(_, operator)| *operator == self).map_or("eq", |(name, _)| *name)
    }

    /// Whether the condition needs a `value`.
    pub(super) const fn needs_value(self) -> bool {
        !matches!(self, Self::Exists | Self::NotExists | Self::IsNull | Self::IsEmpty)
    }

    /// What the operator says of a field that is missing or null (D-3).
    pub(super) const fn when_missing(self) -> bool {
        matches!(self, Self::Neq | Self::NotIn | Self::NotContains | Self::NotExists | Self::IsNull | Self::IsEmpty)
    }

    /// Words between the two sides, when it holds and when it does not.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Eq => ("equals", "does not equal"),
            Self::Neq => ("differs from", "does not differ from"),
            Self::Gt => ("is greater than", "is not greater than"),
            Self::Gte => ("is at least", "is less than"),
            Self::Lt => ("is less than", "is not less than"),
            Self::Lte => ("is at most", "is greater than"),
            Self::Between => ("lies between", "does not lie between"),
            Self::In => ("is one of", "is none of"),
            Self::NotIn => ("is none of", "is one of"),
            Self::Contains => ("contains", "does not contain"),
            Self::NotContains => ("does not contain", "contains"),
            Self::HasAll => ("has all of", "does not have all of"),
            Self::HasAny => ("has some of", "has none of"),
            Self::StartsWith => ("starts with", "does not start with"),
            Self::EndsWith => ("ends with", "does not end with"),
            Self::Regex => ("matches", "does not match"),
            Self::Exists => ("exists", "does not exist"),
            Self::NotExists => ("does not exist", "exists"),
            Self::IsNull => ("is null", "is not null"),
            Self::IsEmpty => ("is empty", "is not empty"),
            Self::Before => ("is before", "is not before"),
            Self::After => ("is after", "is not after"),
            Self::WithinLast => ("lies within the last", "does not lie within the last"),
            Self::OlderThan => ("is older than", "is not older than"),
            Self::EqIgnoringCase => ("equals (in any case)", "does not equal (in any case)"),
            Self::ContainsIgnoringCase => ("contains (in any case)", "does not contain (in any case)"),
        }
    }
}
