//! What an answer cost, by the prices that the organization wrote down.

use serde_json::{Map, Value};

use super::answer::Usage;

/// Tokens that a price is for.
const PER: f64 = 1_000_000.0;

/// The cost in the currency of the prices; nothing when a price or a number of tokens is not known.
///
/// `settings.prices` has `{"MODEL": {"input": …, "output": …}}` per million tokens. The name that the action has comes
/// first, then the one that the provider answered.
pub(super) fn of(settings: &Map<String, Value>, asked: &str, answered: Option<&str>, usage: Usage) -> Option<f64> {
    let prices = settings.get("prices")?;
    let price = prices.get(asked).or_else(|| prices.get(answered?))?;
    let part = |name: &str, tokens: Option<u64>| Some(price.get(name)?.as_f64()? * tokens? as f64 / PER);
    let cost = part("input", usage.input)? + part("output", usage.output)?;
    // Without the last digits, which are of the arithmetic.
    Some((cost * 1e9).round() / 1e9).filter(|cost| cost.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_is_known_when_prices_and_tokens_are() {
        let settings = json!({ "prices": { "m": { "input": 3, "output": 15 }, "half": { "input": 3 } } });
        let settings = settings.as_object().unwrap();
        let usage = Usage { input: Some(1_000), output: Some(200) };
        assert_eq!(of(settings, "m", None, usage), Some(0.006));
        assert_eq!(of(settings, "alias", Some("m"), usage), Some(0.006));
        assert_eq!(of(settings, "half", None, usage), None);
        assert_eq!(of(settings, "other", None, usage), None);
        assert_eq!(of(settings, "m", None, Usage::default()), None);
        assert_eq!(of(&Map::new(), "m", None, usage), None);
    }
}
