//! What a saved image is.

use std::fs;

use rstest::rstest;
use serde_json::Value;
use tagger_registry::{Amount, Choice, DiskError, Layout, OnDisk, SaveError, SaveOptions};
use tagger_testkit::image::Image;

use super::ground::*;

#[rstest]
#[tokio::test]
async fn what_was_pulled_and_pushed_has_the_same_digest(
    #[values(Layout::OciDir, Layout::OciArchive, Layout::DockerArchive)] layout: Layout,
    #[values(true, false)] several: bool,
    #[values(true, false)] docker: bool,
) {
    let ground = Ground::start().await;
    let image = if several { index() } else { Image::single(1).layers(3, 100_000) };
    let whole = ground.fill(&if docker { image.docker() } else { image }, "company/app:v1").await;
    let path = ground.at("app");
    let one = (several && layout == Layout::DockerArchive).then(|| "linux/amd64".parse().unwrap());
    let expected = if one.is_some() { whole.children[0].clone() } else { whole };
    let options = SaveOptions { layout, platform: one, ..SaveOptions::default() };
    let saved = ground.save_with("company/app:v1", &path, options).await.unwrap();
    assert_eq!(saved.digest.as_str(), expected.digest());
    assert_eq!(saved.media_type, expected.media_type);

    let pushed = ground.push(&path, "other/app:v2").await.unwrap();
    assert_eq!(pushed.digest.as_str(), expected.digest());
    assert!(ground.has(&expected, "other/app:v2").await);
    for blob in blobs_of(&expected) {
        assert!(ground.registry.target().has_blob("other/app", &blob.digest).await.unwrap());
    }
    assert!(!ground.at("app.part").exists());
}

#[tokio::test]
async fn a_folder_is_an_image_layout_with_nothing_else_in_it() {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let path = ground.at("app");
    let saved = ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    assert_eq!(saved.fetched, Amount { blobs: 6, bytes: size_of(&image) });
    assert_eq!(ground.given(), size_of(&image));

    let mut expected = vec!["index.json".to_owned(), "oci-layout".to_owned()];
    let manifests = image.children.iter().chain([&image]).map(|manifest| manifest.digest());
    let blobs = blobs_of(&image).into_iter().map(|blob| blob.digest);
    expected.extend(manifests.chain(blobs).map(|digest| format!("blobs/{}", digest.replace(':', "/"))));
    expected.sort();
    assert_eq!(files(&path), expected);
    let index: Value = serde_json::from_slice(&fs::read(path.join("index.json")).unwrap()).unwrap();
    let entry = &index["manifests"][0];
    assert_eq!(entry["digest"], image.digest());
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "v1");
    let name = ground.named("company/app:v1").to_string();
    assert_eq!(entry["annotations"]["io.containerd.image.name"], name);
    assert!(blob_path(&path, &image.digest()).is_file());
}

#[rstest]
#[case(Layout::OciArchive)]
#[case(Layout::DockerArchive)]
#[tokio::test]
async fn the_same_image_gives_the_same_archive(#[case] layout: Layout) {
    let ground = Ground::start().await;
    ground.fill(&Image::single(1), "company/app:v1").await;
    let (one, other) = (ground.at("one.tar"), ground.at("other.tar"));
    ground.save("company/app:v1", &one, layout).await.unwrap();
    ground.save("company/app:v1", &other, layout).await.unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    // One that is an image may be written over.
    ground.save("company/app:v1", &other, layout).await.unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
}

#[tokio::test]
async fn a_layout_keeps_its_images_and_the_layers_that_it_has_do_not_come_again() {
    let ground = Ground::start().await;
    ground.fill(&Image::single(1).layers(5, 50_000).layers_of(9), "company/app:v1").await;
    let other = ground.fill(&Image::single(2).layers(5, 50_000).layers_of(9), "company/app:v2").await;
    let path = ground.at("app");
    let first = ground.save("company/app:v1", &path, Layout::OciDir).await.unwrap();
    ground.proxy.reset();
    let second = ground.save("company/app:v2", &path, Layout::OciDir).await.unwrap();
    assert_eq!((second.fetched.blobs, second.present.blobs), (1, 5));
    assert_eq!(ground.given(), other.blobs[0].bytes.len() as u64);

    let error = OnDisk::open(&path, &Choice::default()).await.unwrap_err().to_string();
    assert!(error.contains("has several images: ") && error.contains("company/app:v2"), "{error}");
    for (name, digest) in
        [("v1", &first.digest), ("v2", &second.digest), (second.digest.as_str(), &second.digest)]
    {
        let choice = Choice { name: Some(name.to_owned()), platform: None };
        assert_eq!(OnDisk::open(&path, &choice).await.unwrap().digest(), digest);
    }
    let choice = Choice { name: Some("v3".to_owned()), platform: None };
    let error = OnDisk::open(&path, &choice).await.unwrap_err().to_string();
    assert!(error.contains("has no image \"v3\"; it has "), "{error}");
}

#[tokio::test]
async fn one_platform_is_saved_where_it_is_asked_for() {
    let ground = Ground::start().await;
    let image = ground.fill(&index(), "company/app:v1").await;
    let save = async |name: &str, layout, platform: Option<&str>| {
        let platform = platform.map(|platform| platform.parse().unwrap());
        let options = SaveOptions { layout, platform, ..SaveOptions::default() };
        ground.save_with("company/app:v1", &ground.at(name), options).await
    };
    let saved = save("one", Layout::OciDir, Some("linux/arm")).await.unwrap();
    assert_eq!(saved.digest.as_str(), image.children[1].digest());
    assert_eq!(ground.given(), size_of(&image.children[1]));
    let told = |outcome: Result<_, SaveError>| outcome.unwrap_err().to_string();
    let error = told(save("two", Layout::OciDir, Some("windows/amd64")).await);
    assert_eq!(error, "the image is not for windows/amd64; it is for linux/amd64, linux/arm/v7");
    let error = told(save("three", Layout::DockerArchive, None).await);
    assert_eq!(error, "the image is for several platforms: linux/amd64, linux/arm/v7");
    assert_eq!(files(ground.folder.path()).iter().filter(|file| file.starts_with("two/")).count(), 0);

    let choice = Choice { name: None, platform: Some("linux/amd64".parse().unwrap()) };
    save("all", Layout::OciDir, None).await.unwrap();
    let chosen = OnDisk::open(&ground.at("all"), &choice).await.unwrap();
    assert_eq!(chosen.digest().as_str(), image.children[0].digest());
}

#[tokio::test]
async fn an_image_for_one_platform_is_not_saved_as_one_for_another() {
    let ground = Ground::start().await;
    ground.fill(&Image::single(1), "company/app:v1").await;
    let options = SaveOptions { platform: Some("linux/arm64".parse().unwrap()), ..SaveOptions::default() };
    let error = ground.save_with("company/app:v1", &ground.at("app"), options).await.unwrap_err();
    assert_eq!(error.to_string(), "the image is not for linux/arm64; it is for linux/amd64");
    assert!(!ground.at("app").exists());
}

#[tokio::test]
async fn what_is_something_else_is_left_alone() {
    let ground = Ground::start().await;
    ground.fill(&Image::single(1), "company/app:v1").await;
    fs::write(ground.at("file"), "notes").unwrap();
    fs::create_dir(ground.at("folder")).unwrap();
    fs::write(ground.at("folder/notes"), "notes").unwrap();
    fs::create_dir(ground.at("empty")).unwrap();
    fs::write(ground.at("new.part"), "notes").unwrap();
    for (name, layout, what) in [
        ("file", Layout::OciDir, "a file"),
        ("file", Layout::OciArchive, "a file of something else"),
        ("folder", Layout::OciDir, "a folder of something else"),
        ("folder", Layout::DockerArchive, "a folder"),
        ("new", Layout::OciDir, "something else"),
    ] {
        let error = ground.save("company/app:v1", &ground.at(name), layout).await.unwrap_err();
        assert!(matches!(&error, SaveError::Disk(DiskError::Taken { .. })), "{error}");
        assert!(error.to_string().ends_with(&format!("is there already, and is {what}")), "{error}");
    }
    assert_eq!(files(ground.folder.path()), ["file", "folder/notes", "new.part"]);
    assert_eq!(ground.given(), 0);
    ground.save("company/app:v1", &ground.at("empty"), Layout::OciDir).await.unwrap();
    ground.push(&ground.at("empty"), "other/app:v1").await.unwrap();
}
