//! Numbers in records as they are: JSON has no infinity, and what overflowed must be read back as what it was.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number, or the name of one that JSON does not have.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Number(f64),
    Name(String),
    /// What earlier versions wrote for every number that is not finite.
    Nothing,
}

impl From<f64> for Text {
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Name(number.to_string()) }
    }
}

impl TryFrom<Text> for f64 {
    type Error = String;
    fn try_from(text: Text) -> Result<Self, String> {
        match text {
            Text::Number(number) => Ok(number),
            Text::Name(name) => match name.parse::<Self>() {
                Ok(number) if !number.is_finite() => Ok(number),
                _ => Err(format!("expected a number, \"inf\", \"-inf\" or \"NaN\", found \"{name}\"")),
            },
            Text::Nothing => Ok(Self::NAN),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Text::from(*number).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::try_from(Text::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The same of a number that may not be there, which is `null`.
pub(crate) mod optional {
    use super::Text;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(Text::from).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        let number = Option::<Text>::deserialize(deserializer)?.map(f64::try_from).transpose();
        number.map_err(serde::de::Error::custom)
    }
}
