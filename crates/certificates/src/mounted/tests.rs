use super::*;
use crate::authority::Authority;
use jiff::SignedDuration;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rstest::rstest;

const HOST: &str = "tagger.tagger-system.svc";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn names() -> Vec<String> {
    vec![HOST.into()]
}

/// An authority, and a server's certificate of it with its key; the dates of both are far.
fn issued() -> Files {
    let key = KeyPair::generate().unwrap();
    let root = params(&[], true).self_signed(&key).unwrap();
    let issuer = Issuer::new(params(&[], true), key);
    by(&issuer, root.pem(), String::new())
}

fn by(issuer: &Issuer<'_, KeyPair>, root: String, between: String) -> Files {
    let key = KeyPair::generate().unwrap();
    let leaf = params(&[HOST], false).signed_by(&key, issuer).unwrap();
    Files {
        certificate: (leaf.pem() + &between).into(),
        key: key.serialize_pem().into(),
        authority: Some(root.into()),
    }
}

fn params(names: &[&str], is_authority: bool) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

#[test]
fn what_is_whole_is_served_and_its_authorities_are_published() {
    let files = issued();
    let leaf = leaf(&files, &names(), now()).unwrap();
    assert!(Bundle::read(str::from_utf8(files.authority.as_ref().unwrap()).unwrap()).trusts(&leaf.issuer));
    assert!(!leaf.issuer.is_empty());
    assert_eq!(leaf.certified.cert.len(), 1);
}

#[test]
fn without_a_file_of_authorities_there_is_no_bundle() {
    let files = Files { authority: None, ..issued() };
    assert_eq!(leaf(&files, &names(), now()).unwrap().issuer, "");
}

#[test]
fn a_certificate_may_be_its_own_authority_and_may_have_others_between() {
    let key = KeyPair::generate().unwrap();
    for is_authority in [true, false] {
        let own = params(&[HOST], is_authority).self_signed(&key).unwrap().pem();
        let files = Files {
            certificate: own.clone().into(),
            key: key.serialize_pem().into(),
            authority: Some(own.into()),
        };
        leaf(&files, &names(), now()).unwrap();
    }
    let middle = KeyPair::generate().unwrap();
    let root = params(&[], true).self_signed(&key).unwrap().pem();
    let mut of_middle = params(&[], true);
    of_middle.distinguished_name.push(rcgen::DnType::CommonName, "between");
    let between = of_middle.signed_by(&middle, &Issuer::from_params(&params(&[], true), &key)).unwrap().pem();
    let issuer = Issuer::new(of_middle, middle);
    assert_eq!(leaf(&by(&issuer, root.clone(), between), &names(), now()).unwrap().certified.cert.len(), 2);
    let error = leaf(&by(&issuer, root, String::new()), &names(), now()).err().unwrap();
    assert!(matches!(error, Problem::Chain(_)), "{error}");
}

#[test]
fn of_several_authorities_those_of_now_are_published() {
    let mut files = issued();
    let over = Authority::generate(now() - SignedDuration::from_hours(11 * 365 * 24)).unwrap();
    let next = Authority::generate(now()).unwrap();
    let authority = files.authority.as_mut().unwrap();
    authority.extend(over.certificate().bytes().chain(next.certificate().bytes()));
    let issuer = leaf(&files, &names(), now()).unwrap().issuer;
    assert!(issuer.contains(next.certificate()));
    assert!(!issuer.contains(over.certificate()));
}

type Change = fn(&mut Files);

#[rstest]
#[case::an_empty_certificate(|files: &mut Files| files.certificate.clear(), "tls.crt is no certificate")]
#[case::half_a_certificate(|files: &mut Files| files.certificate.truncate(200), "tls.crt is no certificate")]
#[case::rubbish_in_a_certificate(|files: &mut Files| files.certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(), "tls.crt is no certificate")]
#[case::an_empty_key(|files: &mut Files| files.key.clear(), "tls.key is no private key")]
#[case::half_a_key(|files: &mut Files| files.key.truncate(100), "tls.key is no private key")]
#[case::a_key_with_a_password(|files: &mut Files| files.key = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".into(), "without a password")]
#[case::another_key(|files: &mut Files| files.key = issued().key, "not the key of tls.crt")]
#[case::an_empty_authority(|files: &mut Files| files.authority = Some(Vec::new()), "ca.crt holds no certificate")]
#[case::half_an_authority(|files: &mut Files| files.authority.as_mut().unwrap().truncate(200), "ca.crt holds no certificate")]
#[case::another_authority(|files: &mut Files| files.authority = issued().authority, "no authority in ca.crt issued tls.crt")]
#[case::an_authority_that_expired(|files: &mut Files| {
    let over = Authority::generate(now() - SignedDuration::from_hours(11 * 365 * 24)).unwrap();
    files.authority = Some(over.certificate().into());
}, "ca.crt holds no certificate of an authority whose time is now")]
fn it_is_refused_with_what_is_wrong_for(#[case] change: Change, #[case] told: &str) {
    let mut files = issued();
    change(&mut files);
    let problem = leaf(&files, &names(), now()).err().unwrap().to_string();
    assert!(problem.contains(told), "{problem}");
    assert!(!problem.contains("PRIVATE KEY-----"), "{problem}");
}

#[rstest]
#[case::before(-26, "not valid before")]
#[case::after(24 * 91, "expired at")]
fn it_is_refused_where_its_time_is(#[case] hours: i64, #[case] told: &str) {
    let authority = Authority::generate(now()).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer =
        Issuer::from_ca_cert_pem(authority.certificate(), KeyPair::from_pem(&authority.key()).unwrap());
    let mut params = params(&[HOST], false);
    let moment = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap();
    params.not_before = moment(now() - SignedDuration::from_hours(25));
    params.not_after = moment(now() + SignedDuration::from_hours(24 * 90));
    let files = Files {
        certificate: params.signed_by(&key, &issuer.unwrap()).unwrap().pem().into(),
        key: key.serialize_pem().into(),
        authority: Some(authority.certificate().into()),
    };
    leaf(&files, &names(), now()).unwrap();
    let problem =
        leaf(&files, &names(), now() + SignedDuration::from_hours(hours)).err().unwrap().to_string();
    assert!(problem.contains(told), "{problem}");
}

#[rstest]
#[case("other.tagger-system.svc")]
#[case("127.0.0.1")]
#[case("ü")]
fn it_is_refused_for_a_name_that_is_not_its_own(#[case] name: &str) {
    let problem = leaf(&issued(), &[name.into()], now()).err().unwrap().to_string();
    assert!(problem.contains("not for") && problem.contains(name), "{problem}");
}

#[test]
fn files_are_read_from_one_side_of_a_swap_and_what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let told = |problem: Problem| problem.to_string();
    assert!(told(Files::read(folder.path()).err().unwrap()).contains("no tls.crt"));
    std::fs::create_dir(folder.path().join("..one")).unwrap();
    std::os::unix::fs::symlink("..one", folder.path().join("..data")).unwrap();
    for name in [CERTIFICATE, KEY] {
        std::fs::write(folder.path().join(name), "outside").unwrap();
        std::fs::write(folder.path().join("..one").join(name), name).unwrap();
    }
    let files = Files::read(folder.path()).ok().unwrap();
    assert_eq!(
        (files.certificate.as_slice(), files.key.as_slice()),
        (b"tls.crt".as_slice(), b"tls.key".as_slice())
    );
    assert!(files.authority.is_none());
    std::fs::write(folder.path().join("..one").join(KEY), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    assert!(told(Files::read(folder.path()).err().unwrap()).contains("more than 1048576 bytes"));
    std::fs::remove_file(folder.path().join("..one").join(KEY)).unwrap();
    assert!(told(Files::read(folder.path()).err().unwrap()).contains("no tls.key"));
}
