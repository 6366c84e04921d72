//! Documents that AWS signed: PKCS #7 (RFC 5652), with the indefinite lengths that AWS writes and DER does not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::asn1_rs::{Any, Class, FromBer as _, Oid, Tag};

/// A document and what was signed of it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) content: Vec<u8>,
    /// The bytes that the signature is about: the attributes, which have the document's digest.
    pub(super) attributes: Vec<u8>,
    pub(super) digest: &'static Algorithm,
    pub(super) signature: Vec<u8>,
}

/// Why a text is no such document, in a few words.
type Reason = &'static str;

impl Signed {
    /// Reads it as instances get it: base64, in lines or not, with the markers of PEM or without. Whether the signature is good is
    /// another question; that the signed digest is the document's is checked here.
    pub(super) fn read(text: &str) -> Result<Self, Reason> {
        let base64: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .flat_map(|line| line.chars().filter(|character| !character.is_ascii_whitespace()))
            .collect();
        let bytes = STANDARD.decode(base64).map_err(|_| "it is not base64")?;
        let info = one(&bytes)?;
        let mut info = Members(sequence(&info)?);
        if object(&info.next()?)? != "1.2.840.113549.1.7.2" {
            return Err("it is not signed data");
        }
        let data = one(context(&info.next()?, 0)?)?;
        let mut data = Members(sequence(&data)?);
        let _version = data.next()?;
        let _digests = data.next()?;
        let encapsulated = data.next()?;
        let mut encapsulated = Members(sequence(&encapsulated)?);
        let kind = object(&encapsulated.next()?)?;
        if kind != DATA {
            return Err("it signs something else than data");
        }
        let content = octets(&one(context(&encapsulated.next()?, 0)?)?, 4)?;
        // Certificates and lists of revoked ones may stand here: neither is believed.
        let mut signers = data.next()?;
        while signers.class() == Class::ContextSpecific {
            signers = data.next()?;
        }
        if signers.tag() != Tag::Set {
            return Err("it has no signers");
        }
        let signer = one(signers.data)?;
        Self::of_signer(content, Members(sequence(&signer)?))
    }

    fn of_signer(content: Vec<u8>, mut signer: Members<'_>) -> Result<Self, Reason> {
        let _version = signer.next()?;
        let _name = signer.next()?;
        let algorithm = signer.next()?;
        let digest_with = match object(&Members(sequence(&algorithm)?).next()?)?.as_str() {
            "1.3.14.3.2.26" => &SHA1_FOR_LEGACY_USE_ONLY,
            "2.16.840.1.101.3.4.2.1" => &SHA256,
            _ => return Err("its digest is neither SHA-1 nor SHA-256"),
        };
        let attributes = signer.next()?;
        let attributes = context(&attributes, 0).map_err(|_| "it has no signed attributes")?;
        let found = digest(digest_with, &content);
        check_attributes(attributes, found.as_ref())?;
        let _algorithm = signer.next()?;
        let signature = octets(&signer.next()?, 1)?;
        Ok(Self {
            content,
            attributes: as_set(attributes),
            digest: digest_with,
            signature,
        })
    }
}

const DATA: &str = "1.2.840.113549.1.7.1";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";

/// What is signed has to say that it is about this digest, and about data.
fn check_attributes(attributes: &[u8], found: &[u8]) -> Result<(), Reason> {
    let mut members = Members(attributes);
    let (mut digest, mut kind) = (None, None);
    while !members.0.is_empty() {
        let attribute = members.next()?;
        let mut attribute = Members(sequence(&attribute)?);
        let name = object(&attribute.next()?)?;
        let values = attribute.next()?;
        match name.as_str() {
            MESSAGE_DIGEST if digest.is_none() => digest = Some(octets(&one(values.data)?, 1)?),
            CONTENT_TYPE if kind.is_none() => kind = Some(object(&one(values.data)?)?),
            MESSAGE_DIGEST | CONTENT_TYPE => return Err("it has an attribute twice"),
            _ => {}
        }
    }
    if kind.as_deref() != Some(DATA) {
        return Err("its signature is about something else than data");
    }
    if digest.as_deref() != Some(found) {
        return Err("its signature is about another document");
    }
    Ok(())
}

/// The attributes as they are signed: a set, and not what stands in its place in the message.
fn as_set(attributes: &[u8]) -> Vec<u8> {
    let length = attributes.len().to_be_bytes();
    let digits = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut set = vec![0x31];
    match digits {
        [] => set.push(0),
        [short] if *short < 0x80 => set.push(*short),
        digits => {
            set.push(0x80 | digits.len() as u8);
            set.extend_from_slice(digits);
        }
    }
    set.extend_from_slice(attributes);
    set
}

/// What follows each other.
struct Members<'a>(&'a [u8]);

impl<'a> Members<'a> {
    fn next(&mut self) -> Result<Any<'a>, Reason> {
        let (rest, member) = Any::from_ber(self.0).map_err(|_| "it is cut off, or no ASN.1")?;
        self.0 = rest;
        Ok(member)
    }
}

/// The only member.
fn one(bytes: &[u8]) -> Result<Any<'_>, Reason> {
    let mut members = Members(bytes);
    let member = members.next()?;
    if members.0.is_empty() {
        Ok(member)
    } else {
        Err("it has something more than once")
    }
}

fn sequence<'a>(any: &Any<'a>) -> Result<&'a [u8], Reason> {
    if any.tag() == Tag::Sequence && any.class() == Class::Universal {
        Ok(any.data)
    } else {
        Err("it has no sequence where there should be one")
    }
}

fn context<'a>(any: &Any<'a>, tag: u32) -> Result<&'a [u8], Reason> {
    if any.tag() == Tag(tag) && any.class() == Class::ContextSpecific {
        Ok(any.data)
    } else {
        Err("it lacks a part")
    }
}

fn object(any: &Any<'_>) -> Result<String, Reason> {
    let object = Oid::try_from(any).map_err(|_| "it has no object identifier where there should be one")?;
    Ok(object.to_id_string())
}

/// A text of bytes, which may consist of several.
fn octets(any: &Any<'_>, depth: u8) -> Result<Vec<u8>, Reason> {
    if any.tag() != Tag::OctetString || any.class() != Class::Universal || depth == 0 {
        return Err("it has no bytes where there should be some");
    }
    if !any.header.is_constructed() {
        return Ok(any.data.to_vec());
    }
    let mut members = Members(any.data);
    let mut all = Vec::new();
    while !members.0.is_empty() {
        all.extend(octets(&members.next()?, depth - 1)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RSA: &str = include_str!("../../tests/data/instance-identity/rsa2048");

    #[test]
    fn lengths_of_sets_are_written_as_der_wants_them() {
        for (length, head) in [
            (0, &[0x31, 0][..]),
            (127, &[0x31, 127]),
            (128, &[0x31, 0x81, 128]),
            (300, &[0x31, 0x82, 1, 44]),
        ] {
            let set = as_set(&vec![7; length]);
            assert_eq!((&set[..head.len()], set.len()), (head, head.len() + length));
        }
    }

    #[test]
    fn a_document_may_come_in_one_line_or_with_markers() {
        let document = Signed::read(RSA).unwrap();
        assert!(document.content.starts_with(b"{"));
        let line = RSA.replace('\n', "");
        assert_eq!(Signed::read(&line).unwrap().content, document.content);
        let pem = format!("-----BEGIN PKCS7-----\r\n{RSA}-----END PKCS7-----\r\n");
        assert_eq!(Signed::read(&pem).unwrap().attributes, document.attributes);
    }

    #[test]
    fn a_document_that_was_changed_is_told_by_its_digest() {
        let mut bytes = STANDARD.decode(RSA.replace('\n', "")).unwrap();
        let place = bytes.windows(3).position(|window| window == b"123").unwrap();
        bytes[place] = b'9';
        let reason = Signed::read(&STANDARD.encode(bytes)).unwrap_err();
        assert_eq!(reason, "its signature is about another document");
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_ends_in_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Signed::read(&STANDARD.encode(&bytes));
        }

        #[test]
        fn nor_does_a_document_with_some_other_bytes(place in 0_usize..1005, byte: u8, end in 0_usize..1005) {
            let mut bytes = STANDARD.decode(RSA.replace('\n', "")).unwrap();
            let length = bytes.len();
            bytes[place % length] = byte;
            let _ = Signed::read(&STANDARD.encode(&bytes));
            bytes.truncate(end);
            let _ = Signed::read(&STANDARD.encode(&bytes));
        }
    }
}
