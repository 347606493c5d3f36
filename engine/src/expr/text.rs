//! How values look inside a text.

use serde_json::Value;

/// A value as part of a text: integers without decimals, null as nothing, lists and objects as JSON.
#[must_use]
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, value);
    text
}

pub(super) fn push(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::String(inner) => text.push_str(inner),
        Value::Number(number) => match number.as_f64() {
            // 12.0 is a whole number to whoever reads the text; beyond 2^53 the digits would be invented.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                text.push_str(format!("{float:.0}").as_str());
            }
            _other => text.push_str(&number.to_string()),
        },
        Value::Array(_) | Value::Object(_) => text.push_str(&value.to_string()),
    }
}
