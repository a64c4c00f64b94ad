//! Access lists in the two forms that archives have them: as the kernel's bytes (`SCHILY.xattr.system.posix_acl_*`: Docker, Podman, Go) and as text
//! (`SCHILY.acl.*`: GNU tar, libarchive, star). Numbers only: what a name stands for on another machine is not known here.

/// The kernel's form: a version, then tag, rights and id of each entry (linux/posix_acl_xattr.h).
const VERSION: u32 = 2;
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const NOBODY: u32 = u32::MAX;

/// Most entries of one list; the kernel's own limits are about this.
const ENTRIES_MAX: usize = 8192;

/// The attribute's name and the text's key.
pub(crate) const FORMS: [(&[u8], &[u8]); 2] =
    [(b"system.posix_acl_access", b"SCHILY.acl.access"), (b"system.posix_acl_default", b"SCHILY.acl.default")];

/// `user::rwx,user:9:r-x,…`; `None` for bytes that are no list.
pub(crate) fn to_text(bytes: &[u8]) -> Option<String> {
    let (version, entries) = bytes.split_at_checked(4)?;
    if u32::from_le_bytes(version.try_into().ok()?) != VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let mut parts = Vec::new();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let rights = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let who = match tag {
            USER_OBJ => "user:".to_owned(),
            USER => format!("user:{id}"),
            GROUP_OBJ => "group:".to_owned(),
            GROUP => format!("group:{id}"),
            MASK => "mask:".to_owned(),
            OTHER => "other:".to_owned(),
            _ => return None,
        };
        let letter = |bit: u16, letter: char| if rights & bit != 0 { letter } else { '-' };
        parts.push(format!("{who}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')));
    }
    Some(parts.join(","))
}

/// The kernel's bytes; `None` for a text that is no list, or that names somebody without a number.
pub(crate) fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut entries = Vec::new();
    for part in text.split([',', '\n']).map(|part| part.split('#').next().unwrap_or("").trim()).filter(|part| !part.is_empty()) {
        let mut fields = part.split(':');
        let (kind, name, rights) = (fields.next()?, fields.next()?, fields.next()?);
        // star writes the number behind the rights.
        let number = fields.next().unwrap_or(name);
        let (tag, id) = match (kind, name.is_empty()) {
            ("user" | "u", true) => (USER_OBJ, NOBODY),
            ("user" | "u", false) => (USER, number.parse().ok()?),
            ("group" | "g", true) => (GROUP_OBJ, NOBODY),
            ("group" | "g", false) => (GROUP, number.parse().ok()?),
            ("mask" | "m", _) => (MASK, NOBODY),
            ("other" | "o", _) => (OTHER, NOBODY),
            _ => return None,
        };
        let bits = rights.chars().try_fold(0u16, |bits, letter| match letter {
            'r' => Some(bits | 4),
            'w' => Some(bits | 2),
            'x' => Some(bits | 1),
            '-' => Some(bits),
            _ => None,
        })?;
        entries.push((tag, bits, id));
        if entries.len() > ENTRIES_MAX {
            return None;
        }
    }
    // The kernel wants them so.
    entries.sort_by_key(|(tag, _, id)| (*tag, *id));
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (tag, bits, id) in &entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    (!entries.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{from_text, to_text};

    #[test]
    fn both_forms_say_the_same() {
        let text = "user::rwx,user:9:r-x,group::r--,group:66:-w-,mask::rwx,other::---";
        let bytes = from_text(text.as_bytes()).unwrap();
        assert_eq!(bytes.len(), 4 + 6 * 8);
        assert_eq!(to_text(&bytes).as_deref(), Some(text));
        assert_eq!(
            from_text(b"other::---\nuser::rwx\nuser:lp:r-x:9\t#effective:r--\ngroup::r--\ngroup:x:-w-:66\nmask::rwx\n"),
            Some(bytes)
        );
    }

    #[test]
    fn what_is_no_list_is_none() {
        for text in ["", "user::rwq", "user", "user:lp:rwx", "nobody::rwx", "user:99999999999:rwx"] {
            assert_eq!(from_text(text.as_bytes()), None, "{text}");
        }
        for bytes in [&b""[..], b"\x02\0\0\0\x01", b"\x03\0\0\0", b"\x02\0\0\0\x07\0\0\0\0\0\0\0"] {
            assert_eq!(to_text(bytes), None, "{bytes:?}");
        }
    }
}
