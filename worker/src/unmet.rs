//! What a refusal of a use case means for the step that asked: whether to wait, to give up, or to look into it.

use service::ServiceError;

/// Why a use case did not do what a step asked for.
pub(crate) enum Unmet {
    /// It cannot be done so, however often it is asked.
    Refused {
        /// Stable code of the reason.
        code: String,
        /// What is wrong, for the author.
        message: String,
    },
    /// Our own database is away, or takes no more at this moment.
    Away(ServiceError),
    /// A fault on our side that does not pass by itself.
    Broken(ServiceError),
}

impl Unmet {
    pub(crate) fn of(error: ServiceError) -> Self {
        match error {
            ServiceError::Mistakes(mistakes) => {
                let code = mistakes.first().map_or("INVALID", |mistake| mistake.code.as_str()).to_owned();
                let message = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
                Self::Refused { code, message }
            }
            error @ (ServiceError::Unauthenticated | ServiceError::Forbidden(_) | ServiceError::RateLimited { .. }) => {
                Self::Refused { code: error.code().as_str().to_owned(), message: error.to_string() }
            }
            error @ (ServiceError::Unavailable(_) | ServiceError::Overloaded) => Self::Away(error),
            error @ ServiceError::Internal { .. } => Self::Broken(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use service::{Code, Mistake};
    use store::StoreError;

    use super::*;

    #[test]
    fn only_a_database_that_is_away_or_full_is_waited_for() {
        let sort = |error| match Unmet::of(error) {
            Unmet::Refused { code, .. } => code,
            Unmet::Away(_) => "away".to_owned(),
            Unmet::Broken(_) => "broken".to_owned(),
        };
        let away = || StoreError::Unavailable(std::sync::Arc::new(std::io::Error::other("refused")));
        assert_eq!(sort(ServiceError::from(away())), "away");
        assert_eq!(sort(ServiceError::Overloaded), "away");
        assert_eq!(sort(ServiceError::from(StoreError::Closed)), "broken");
        assert_eq!(sort(ServiceError::internal("it broke")("a reason".into())), "broken");
        assert_eq!(sort(ServiceError::Unauthenticated), "UNAUTHENTICATED");
        assert_eq!(sort(ServiceError::RateLimited { wait: std::time::Duration::ZERO }), "RATE_LIMITED");
        assert_eq!(sort(ServiceError::mistake(Mistake::new(Code::TooLarge, "payload", "too large"))), "TOO_LARGE");
    }
}
