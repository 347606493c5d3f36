//! Values for the parameters of a statement, as the types that the database found for them.

use serde_json::Value;
use sqlx::postgres::{PgArguments, PgTypeInfo};
use sqlx::types::chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sqlx::types::{Json, Uuid};
use sqlx::{Arguments, TypeInfo};

/// Values in the order of their parameters.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) arguments: PgArguments,
    /// A value is sent as another type than was found: as `double precision` for `numeric`.
    pub(super) declares: bool,
}

/// Binds `params` to `$1`, `$2` …: a list as it is, the fields of an object in the order of their names.
pub(super) fn bind(types: &[PgTypeInfo], params: &Value) -> Result<Bound, String> {
    let named: Vec<(String, &Value)> = match params {
        Value::Null => Vec::new(),
        Value::Object(params) => {
            let mut fields: Vec<(&String, &Value)> = params.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            fields.into_iter().map(|(name, value)| (format!("parameter `{name}`"), value)).collect()
        }
        Value::Array(params) => {
            let numbered = params.iter().zip(1_usize..);
            numbered.map(|(value, number)| (format!("parameter ${number}"), value)).collect()
        }
        _other => return Err("`params` is neither an object nor a list".to_owned()),
    };
    if named.len() != types.len() {
        return Err(format!(
            "the statement has {} parameters ($1, $2 …), and `params` has {}; those of an object go in by name order",
            types.len(),
            named.len()
        ));
    }
    let mut bound = Bound::default();
    for ((name, value), kind) in named.into_iter().zip(types) {
        add(&mut bound, &kind.name().to_lowercase(), value).map_err(|problem| format!("{name}: {problem}"))?;
    }
    Ok(bound)
}

fn add(bound: &mut Bound, kind: &str, value: &Value) -> Result<(), String> {
    let wrong = || format!("this value cannot be sent as {kind}");
    let arguments = &mut bound.arguments;
    let added = match kind {
        "bool" => arguments.add(optional(value, Value::as_bool).ok_or_else(wrong)?),
        "int2" => arguments.add(optional(value, |value| i16::try_from(whole(value)?).ok()).ok_or_else(wrong)?),
        "int4" => arguments.add(optional(value, |value| i32::try_from(whole(value)?).ok()).ok_or_else(wrong)?),
        "int8" => arguments.add(optional(value, whole).ok_or_else(wrong)?),
        "float4" | "float8" | "numeric" => {
            // A single or an exact number compares with a double; the database converts.
            bound.declares |= kind != "float8";
            arguments.add(optional(value, number).ok_or_else(wrong)?)
        }
        "uuid" => arguments.add(optional(value, |value| value.as_str()?.parse::<Uuid>().ok()).ok_or_else(wrong)?),
        "json" | "jsonb" => arguments.add(Json(value)),
        "timestamptz" => arguments.add(optional(value, moment).ok_or_else(wrong)?),
        "timestamp" => arguments.add(optional(value, local_moment).ok_or_else(wrong)?),
        "date" => arguments.add(optional(value, |value| value.as_str()?.parse::<NaiveDate>().ok()).ok_or_else(wrong)?),
        "text[]" | "varchar[]" => arguments.add(optional(value, |value| list(value, text)).ok_or_else(wrong)?),
        "int4[]" => {
            let member = |member: &Value| i32::try_from(whole(member)?).ok();
            arguments.add(optional(value, |value| list(value, member)).ok_or_else(wrong)?)
        }
        "int8[]" => arguments.add(optional(value, |value| list(value, whole)).ok_or_else(wrong)?),
        "uuid[]" => {
            let member = |member: &Value| member.as_str()?.parse::<Uuid>().ok();
            arguments.add(optional(value, |value| list(value, member)).ok_or_else(wrong)?)
        }
        // These have another form on the wire than their text.
        "time" | "timetz" | "interval" | "bytea" | "money" | "inet" | "cidr" | "bit" | "varbit" => {
            return Err(format!("{kind} cannot be sent; write a cast such as `$1::text::{kind}`"));
        }
        other if other.ends_with("[]") => {
            return Err(format!("{other} cannot be sent; send a list of texts, such as `$1::text[]`"));
        }
        // Texts, and types of the database's own such as enumerations, which are sent as texts.
        _text => arguments.add(optional(value, text).ok_or_else(wrong)?),
    };
    added.map_err(|problem| format!("it cannot be sent: {problem}"))
}

/// Null is the missing value of every type; `None` when the value is of another type.
#[expect(clippy::option_option, reason = "null is a value; a value that does not fit is none")]
fn optional<T>(value: &Value, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() { Some(None) } else { read(value).map(Some) }
}

fn list<T>(value: &Value, member: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(member).collect()
}

/// Texts of numbers are taken too: ids often come as texts.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        // 5.0 is the whole number 5.
        other => other.as_i64().or_else(|| {
            let number = other.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
            format!("{number:.0}").parse().ok()
        }),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        other => other.as_f64(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|moment| moment.with_timezone(&Utc))
}

/// A time without a zone is that of UTC.
fn local_moment(value: &Value) -> Option<NaiveDateTime> {
    moment(value).map(|moment| moment.naive_utc()).or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn types(names: &[&'static str]) -> Vec<PgTypeInfo> {
        names.iter().map(|name| PgTypeInfo::with_name(name)).collect()
    }

    #[test]
    fn values_go_in_by_the_order_of_their_names() {
        let params = json!({ "b": "x", "a": 1 });
        assert_eq!(bind(&types(&["INT8", "TEXT"]), &params).unwrap().arguments.len(), 2);
        let problem = bind(&types(&["TEXT", "INT8"]), &params).unwrap_err();
        assert_eq!(problem, "parameter `b`: this value cannot be sent as int8");
        let problem = bind(&types(&["TEXT"]), &params).unwrap_err();
        assert!(problem.starts_with("the statement has 1 parameters"), "{problem}");
        assert_eq!(bind(&[], &Value::Null).unwrap().arguments.len(), 0);
        let problem = bind(&types(&["TEXT", "INT8"]), &json!(["x", "y"])).unwrap_err();
        assert_eq!(problem, "parameter $2: this value cannot be sent as int8");
    }

    #[test]
    fn each_type_takes_its_values_and_null_and_no_others() {
        for (kind, good, bad) in [
            ("BOOL", json!(true), json!("yes")),
            ("INT2", json!(5.0), json!(70_000)),
            ("INT4", json!("12"), json!(1.5)),
            ("FLOAT8", json!("1.5"), json!("NaN")),
            ("NUMERIC", json!(19.99), json!([1])),
            ("UUID", json!("018f3b7e-0000-7000-8000-000000000000"), json!("x")),
            ("TIMESTAMPTZ", json!("2026-01-01T00:00:00Z"), json!("yesterday")),
            ("DATE", json!("2026-01-01"), json!(5)),
            ("TEXT[]", json!(["a", "b"]), json!("a")),
            ("INT8[]", json!([1, 2]), json!(["x"])),
            ("VARCHAR", json!(5), json!({ "a": 1 })),
        ] {
            assert!(bind(&types(&[kind]), &json!({ "v": good })).is_ok(), "{kind}");
            assert!(bind(&types(&[kind]), &json!({ "v": null })).is_ok(), "{kind}");
            assert!(bind(&types(&[kind]), &json!({ "v": bad })).is_err(), "{kind}");
        }
        let problem = bind(&types(&["INTERVAL"]), &json!({ "v": "1 day" })).err().unwrap();
        assert!(problem.contains("$1::text::interval"), "{problem}");
    }

    #[test]
    fn an_exact_number_is_sent_as_a_double_which_is_declared() {
        assert!(bind(&types(&["NUMERIC"]), &json!({ "v": 1 })).unwrap().declares);
        assert!(!bind(&types(&["FLOAT8", "INT4"]), &json!({ "a": 1, "b": 1 })).unwrap().declares);
    }
}
