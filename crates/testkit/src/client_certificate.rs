//! Client certificates by which Kubernetes knows a user and any number of groups.
//!
//! Kubernetes reads one group from each organization in a certificate's subject. rcgen keeps a
//! subject as a map, so it can name one organization only; hence this certificate is written out
//! field by field.

use anyhow::{Context, Result};
use pem::Pem;
use rcgen::{KeyPair, PublicKeyData, SigningKey, date_time_ymd};
use yasna::models::{ObjectIdentifier, UTCTime};
use yasna::{DERWriter, DERWriterSeq, Tag};

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const CLIENT_AUTHENTICATION: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 2];

/// The number of an X.509 v3 certificate; rustls refuses older ones.
const VERSION_3: u64 = 2;

/// Issues a certificate for `key` as PEM, signed by the authority that bears the common name `issuer`.
pub(crate) fn issue(
    issuer: &str,
    issuer_key: &KeyPair,
    key: &KeyPair,
    user: &str,
    groups: &[&str],
) -> Result<String> {
    let content = yasna::construct_der(|writer| {
        writer.write_sequence(|fields| {
            fields.next().write_tagged(Tag::context(0), |version| version.write_u64(VERSION_3));
            fields.next().write_u64(serial(key));
            signature_algorithm(fields.next());
            name(fields.next(), issuer, &[]);
            fields.next().write_sequence(|validity| {
                for year in [2020, 2049] {
                    validity.next().write_utctime(&UTCTime::from_datetime(date_time_ymd(year, 1, 1)));
                }
            });
            name(fields.next(), user, groups);
            fields.next().write_der(&key.subject_public_key_info());
            fields.next().write_tagged(Tag::context(3), |extensions| {
                extensions.write_sequence(|extensions| client_usage(extensions.next()));
            });
        });
    });
    let signature = issuer_key.sign(&content).context("sign a client's certificate")?;
    let certificate = yasna::construct_der(|writer| {
        writer.write_sequence(|parts| {
            parts.next().write_der(&content);
            signature_algorithm(parts.next());
            parts.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    });
    Ok(pem::encode(&Pem::new("CERTIFICATE", certificate)))
}

/// A serial number that differs between keys; its top bit is clear since serials are positive.
fn serial(key: &KeyPair) -> u64 {
    let mut bytes = [0; 8];
    let public = key.der_bytes();
    let start = public.len().saturating_sub(bytes.len());
    for (byte, from) in bytes.iter_mut().zip(&public[start..]) {
        *byte = *from;
    }
    u64::from_be_bytes(bytes) >> 1
}

fn signature_algorithm(writer: DERWriter<'_>) {
    writer.write_sequence(|fields| fields.next().write_oid(&oid(ECDSA_WITH_SHA256)));
}

fn name(writer: DERWriter<'_>, common_name: &str, organizations: &[&str]) {
    writer.write_sequence(|parts| {
        for organization in organizations {
            name_part(parts, ORGANIZATION, organization);
        }
        name_part(parts, COMMON_NAME, common_name);
    });
}

fn name_part(parts: &mut DERWriterSeq<'_>, kind: &[u64], value: &str) {
    parts.next().write_set(|part| {
        part.next().write_sequence(|fields| {
            fields.next().write_oid(&oid(kind));
            fields.next().write_utf8_string(value);
        });
    });
}

fn client_usage(writer: DERWriter<'_>) {
    writer.write_sequence(|fields| {
        fields.next().write_oid(&oid(EXTENDED_KEY_USAGE));
        let usages = yasna::construct_der(|writer| {
            writer.write_sequence(|usages| usages.next().write_oid(&oid(CLIENT_AUTHENTICATION)));
        });
        fields.next().write_bytes(&usages);
    });
}

fn oid(components: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(components)
}
