//! Web addresses as text.

/// Whether `text` is a web address.
pub(super) fn is_address(text: &str) -> bool {
    begins_with(text, "http://") || is_encrypted(text)
}

/// Whether `text` is the address of a server that is spoken to under encryption.
pub(super) fn is_encrypted(text: &str) -> bool {
    begins_with(text, "https://")
}

fn begins_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
}

/// `text` as it may be shown: names and passwords in the addresses that it holds, `http://name:password@host/`, are `***`.
pub(super) fn without_password(text: &str) -> String {
    let Some((before, rest)) = text.split_once("://") else { return text.to_string() };
    let (address, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    let authority = &address[..address.find(['/', '?', '#']).unwrap_or(address.len())];
    // A password with a `/` in it leaves something that is no host and port.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_whole = authority.contains('@') || port.chars().all(|c| c.is_ascii_digit() || c == ']');
    let searched = if is_whole { authority } else { address };
    let hidden = searched.rfind('@').map_or(0, |at| at);
    let shown = if hidden == 0 { address.to_string() } else { format!("***{}", &address[hidden..]) };
    format!("{before}://{shown}{}", without_password(after))
}

/// The file name at the end of an address, as it is written there and with its `%20` and `+` as blanks.
pub(super) fn file_names(address: &str) -> [String; 2] {
    let name = address.rsplit('/').next().unwrap_or(address);
    [name.to_string(), name.replace("%20", " ").replace('+', " ")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            ("http://user:pw@host/a", "http://***@host/a"),
            ("HTTPS://token@host:80/a?b", "HTTPS://***@host:80/a?b"),
            ("http://a:b@c@host", "http://***@host"),
            ("http://user:p/w@host/a", "http://***@host/a"),
            ("ftp://user:pw@host/", "ftp://***@host/"),
            ("from http://a:b@c/d to https://e:f@g/h", "from http://***@c/d to https://***@g/h"),
            ("https://host:443/gh/name@1.0/a", "https://host:443/gh/name@1.0/a"),
            ("https://[::1]:443/name@1.0", "https://[::1]:443/name@1.0"),
            ("a/folder@home", "a/folder@home"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }

    #[test]
    fn schemes_in_capital_letters_are_schemes() {
        assert!(is_encrypted("HTTPS://host") && is_address("Http://host"));
        assert!(!is_address("https:/host") && !is_encrypted("http://host") && !is_address("é"));
    }
}
