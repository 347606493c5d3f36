//! Enumerations that the database holds as numbers.

/// A number in the database that this version of the program knows no meaning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code} is no {what}")]
pub struct UnknownCode {
    /// What the number should tell.
    pub what: &'static str,
    /// The number.
    pub code: i16,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "i16", into = "i16")]
        #[repr(i16)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the database.
            #[must_use]
            pub const fn code(self) -> i16 {
                self as i16
            }
        }

        impl From<$name> for i16 {
            fn from(value: $name) -> Self {
                value.code()
            }
        }

        impl TryFrom<i16> for $name {
            type Error = UnknownCode;

            fn try_from(code: i16) -> Result<Self, UnknownCode> {
                match code {
                    $($code => Ok(Self::$variant),)*
                    _ => Err(UnknownCode { what: $what, code }),
                }
            }
        }
    };
}

pub(super) use codes;
