//! Which media type a request asks for.

use axum::http::{HeaderMap, header};

/// What `POST /graphql` can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// One JSON answer.
    Json(JsonType),
    /// A stream of events.
    Events,
}

/// The two JSON media types of GraphQL over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    /// `application/graphql-response+json`: the status tells whether the operation was executed.
    GraphqlResponse,
    /// `application/json`: status 200 for everything that GraphQL answered, as older clients expect.
    Plain,
}

impl JsonType {
    pub const fn header(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Plain => "application/json; charset=utf-8",
        }
    }
}

/// Candidates in the order that decides between equal wishes.
const CANDIDATES: [(&str, Transport); 3] = [
    ("application/graphql-response+json", Transport::Json(JsonType::GraphqlResponse)),
    ("application/json", Transport::Json(JsonType::Plain)),
    ("text/event-stream", Transport::Events),
];

/// The best media type for these `Accept` headers; none if none is acceptable.
///
/// A request without the header gets `application/graphql-response+json`. Events are sent only to those
/// who name them: a wildcard means one answer.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Transport> {
    let ranges = ranges(headers);
    if ranges.is_empty() {
        return Some(CANDIDATES[0].1);
    }
    let mut best: Option<(u16, Transport)> = None;
    for (name, transport) in CANDIDATES {
        let weight = weight(name, transport, &ranges);
        if weight > best.map_or(0, |(best, _)| best) {
            best = Some((weight, transport));
        }
    }
    best.map(|(_, transport)| transport)
}

/// Whether a person's browser asks for a page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    ranges(headers).iter().any(|range| range.weight > 0 && range.name == "text/html")
}

struct Range {
    name: String,
    /// `q` in thousandths.
    weight: u16,
}

fn ranges(headers: &HeaderMap) -> Vec<Range> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(range).collect()
}

fn range(text: &str) -> Option<Range> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let mut weight = 1000;
    for parameter in parts {
        match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => weight = thousandths(value.trim()),
            // We only ever answer in UTF-8, so a range that asks for another charset is no match.
            Some((name, value))
                if name.trim().eq_ignore_ascii_case("charset")
                    && !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") =>
            {
                return None;
            }
            _ => {}
        }
    }
    Some(Range { name, weight })
}

fn thousandths(quality: &str) -> u16 {
    match quality.parse::<f32>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the product is clamped to 0..=1000 and has no fraction"
        )]
        Ok(quality) if quality.is_finite() => (quality.clamp(0.0, 1.0) * 1000.0).round() as u16,
        _ => 0,
    }
}

/// The weight of the most specific range that covers the candidate.
fn weight(name: &str, transport: Transport, ranges: &[Range]) -> u16 {
    let of = |wanted: &str| ranges.iter().find(|range| range.name == wanted).map(|range| range.weight);
    match transport {
        Transport::Events => of(name).unwrap_or(0),
        Transport::Json(_) => of(name).or_else(|| of("application/*")).or_else(|| of("*/*")).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_best_media_type_that_the_caller_names_is_chosen() {
        const MODERN: Option<Transport> = Some(Transport::Json(JsonType::GraphqlResponse));
        const PLAIN: Option<Transport> = Some(Transport::Json(JsonType::Plain));
        const EVENTS: Option<Transport> = Some(Transport::Events);
        let table = [
            ("*/*", MODERN),
            ("application/*", MODERN),
            ("application/json", PLAIN),
            ("application/json; charset=utf-8", PLAIN),
            ("application/json; charset=latin1", MODERN),
            ("application/graphql-response+json", MODERN),
            ("application/graphql-response+json, application/json;q=0.9", MODERN),
            ("application/graphql-response+json;q=0.8, application/json", PLAIN),
            ("application/json, application/graphql-response+json", MODERN),
            ("text/event-stream", EVENTS),
            ("text/event-stream, application/json;q=0.5", EVENTS),
            ("application/json, text/event-stream", PLAIN),
            ("text/html, */*;q=0.1", MODERN),
            ("text/html", None),
            ("image/png, text/*", None),
            ("application/json;q=0", None),
            ("application/json;q=abc", None),
            ("*/*, application/graphql-response+json;q=0", PLAIN),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            // A header of which nothing can be matched counts as none.
            assert_eq!(negotiate(&headers), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), MODERN);
    }
}
