//! "Did you mean": the known word nearest to one that is not known.

/// The nearest word, if one is near enough to be meant.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // A longer word is no typing error, and distances of long texts are costly.
    if word.len() > 100 {
        return None;
    }
    let folded = fold(word);
    known
        .into_iter()
        // Nor is a much longer one what was meant.
        .filter(|candidate| *candidate != word && candidate.len() <= word.len().saturating_mul(4) + 16)
        .map(|candidate| (distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed(word.len().min(candidate.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` for the nearest word.
#[expect(single_use_lifetimes, reason = "`impl Trait` cannot leave it out")]
pub(crate) fn did_you_mean<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<String> {
    nearest(word, known).map(|word| format!("did you mean `{word}`?"))
}

/// How a length of time that is written in words is written here: `5 minutes` is `5m`.
pub(crate) fn duration(text: &str) -> Option<String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "millisecond" | "milliseconds" | "msec" | "ms" => "ms",
        "second" | "seconds" | "sec" | "secs" | "s" => "s",
        "minute" | "minutes" | "min" | "mins" | "m" => "m",
        "hour" | "hours" | "hr" | "hrs" | "h" => "h",
        "day" | "days" | "d" => "d",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}

fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(left, right)
}

/// Case and separators are what people get wrong most.
fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

fn allowed(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word() {
        let known = ["on_true", "on_false", "next", "timeout"];
        assert_eq!(nearest("onTrue", known), Some("on_true"));
        assert_eq!(nearest("on_flase", known), Some("on_false"));
        assert_eq!(nearest("nxet", known), Some("next"));
    }

    #[test]
    fn a_length_of_time_in_words_is_put_into_ours() {
        assert_eq!(duration("5 minutes").as_deref(), Some("5m"));
        assert_eq!(duration("30 sec").as_deref(), Some("30s"));
        assert_eq!(duration("soon"), None);
        assert_eq!(duration("minutes"), None);
    }

    #[test]
    fn a_different_word_finds_nothing() {
        assert_eq!(nearest("colour", ["next", "timeout"]), None);
        assert_eq!(nearest("a", ["b", "c"]), None);
    }
}
