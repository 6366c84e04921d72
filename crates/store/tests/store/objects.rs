//! Objects in a directory and in S3 behave alike.

use bytes::Bytes;
use futures::TryStreamExt as _;
use stups_store::objects::object_store::aws::AmazonS3Builder;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{
    Error, Extensions, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
};
use stups_store::objects::{FileWrites, InPlace, ObjectsError, open, s3};
use stups_testkit::{Account, AwsApi};
use url::Url;

async fn keeps_objects(store: &dyn ObjectStore) {
    let name = Path::from("images/a b/1.json");
    let create = || PutOptions {
        mode: PutMode::Create,
        ..PutOptions::default()
    };
    store
        .put_opts(&name, PutPayload::from_static(b"one"), create())
        .await
        .unwrap();
    let second = store.put_opts(&name, PutPayload::from_static(b"two"), create()).await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
    assert_eq!(store.get(&name).await.unwrap().bytes().await.unwrap(), "one".as_bytes());

    let listed: Vec<_> = store.list(Some(&Path::from("images"))).try_collect().await.unwrap();
    assert_eq!(
        listed.iter().map(|object| &object.location).collect::<Vec<_>>(),
        [&name]
    );
    store.delete(&name).await.unwrap();
    assert!(matches!(store.get(&name).await, Err(Error::NotFound { .. })));
}

/// An object that is written in parts is there when it is whole, and not before.
async fn keeps_parts(store: &dyn ObjectStore) {
    let name = Path::from("layers/a b");
    let all = || async {
        let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
        listed.len()
    };
    let part = |byte: u8, size: usize| {
        let pieces = [vec![byte; size / 2], vec![byte; size - size / 2]];
        pieces.into_iter().map(Bytes::from).collect::<PutPayload>()
    };
    let mut upload = store.put_multipart(&name).await.unwrap();
    let [first, second, third] = [(1, PART), (2, PART), (3, 5)].map(|(byte, size)| upload.put_part(part(byte, size)));
    let (third, first, second) = tokio::join!(third, first, second);
    for written in [first, second, third] {
        written.unwrap();
    }
    assert!(matches!(store.get(&name).await, Err(Error::NotFound { .. })));
    upload.complete().await.unwrap();
    assert_eq!(all().await, 1);
    let whole = store.get(&name).await.unwrap().bytes().await.unwrap();
    let expected = [vec![1; PART], vec![2; PART], vec![3; 5]].concat();
    assert!(whole == expected, "{} bytes", whole.len());

    let mut given_up = store.put_multipart(&Path::from("layers/b")).await.unwrap();
    given_up.put_part(part(1, PART)).await.unwrap();
    given_up.abort().await.unwrap();
    assert_eq!(all().await, 1);
}

/// S3 takes no smaller ones but as the last.
const PART: usize = 5 << 20;

#[tokio::test]
async fn a_directory_keeps_objects() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path().join("to/be made")).unwrap();
    for writes in [FileWrites::Cached, FileWrites::Direct] {
        let store = open(&url, writes).unwrap();
        keeps_objects(&*store).await;
        keeps_parts(&*store).await;
        store.delete(&Path::from("layers/a b")).await.unwrap();
    }
    assert!(directory.path().join("to/be made/images").exists());
}

#[tokio::test]
async fn a_file_that_the_disk_takes_in_several_turns_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path()).unwrap();
    let name = Path::from("large");
    let piece = |number: usize| vec![number as u8; 1 << 20];
    let expected = (0..70).map(piece).collect::<Vec<_>>().concat();
    for writes in [FileWrites::Cached, FileWrites::Direct] {
        let store = open(&url, writes).unwrap();
        let mut upload = store.put_multipart(&name).await.unwrap();
        for number in 0..70 {
            upload.put_part(piece(number).into()).await.unwrap();
        }
        upload.complete().await.unwrap();
        let whole = store.get(&name).await.unwrap().bytes().await.unwrap();
        assert!(whole == expected, "{writes:?}: {} bytes", whole.len());
    }
}

/// Large parts and small ones, whole pages and not, one after the other.
#[tokio::test]
async fn what_goes_past_the_cache_and_what_does_not_make_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path()).unwrap();
    let store = open(&url, FileWrites::Direct).unwrap();
    let name = Path::from("mixed");
    let mut upload = store.put_multipart(&name).await.unwrap();
    let sizes = [4096, 1 << 20, 2 << 20, 4096 * 3, 1 << 21, 77, 1 << 20, (1 << 20) + 1, 5];
    let part = |(number, size): (usize, usize)| {
        (0..size)
            .map(move |place| (place / 999 + number) as u8)
            .collect::<Vec<u8>>()
    };
    for numbered in sizes.into_iter().enumerate() {
        let bytes = part(numbered);
        let pieces: PutPayload = bytes.chunks(70_001).map(bytes::Bytes::copy_from_slice).collect();
        upload.put_part(pieces).await.unwrap();
    }
    upload.complete().await.unwrap();
    let whole = store.get(&name).await.unwrap().bytes().await.unwrap();
    assert!(whole == sizes.into_iter().enumerate().flat_map(part).collect::<Vec<u8>>());
}

/// More pieces than the system takes at once, none of the size of a page, some of none.
#[tokio::test]
async fn a_part_of_many_pieces_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path()).unwrap();
    let store = open(&url, FileWrites::Cached).unwrap();
    let name = Path::from("pieces");
    let mut upload = store.put_multipart(&name).await.unwrap();
    let pieces = |part: usize| (0..3000).map(move |number: usize| vec![(part + number) as u8; number % 17]);
    for part in [0, 7] {
        let payload: PutPayload = pieces(part).map(bytes::Bytes::from).collect();
        upload.put_part(payload).await.unwrap();
    }
    upload.put_part(PutPayload::new()).await.unwrap();
    upload.complete().await.unwrap();
    let whole = store.get(&name).await.unwrap().bytes().await.unwrap();
    assert!(whole == [0, 7].into_iter().flat_map(pieces).flatten().collect::<Vec<_>>());
}

/// What a crash leaves behind has a name and can be removed.
#[tokio::test]
async fn an_unfinished_file_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path()).unwrap();
    let store = open(&url, FileWrites::Cached).unwrap();
    let mut upload = store.put_multipart(&Path::from("uploads/1/part")).await.unwrap();
    upload.put_part(PutPayload::from_static(b"half")).await.unwrap();
    let listed: Vec<_> = store.list(Some(&Path::from("uploads"))).try_collect().await.unwrap();
    let [left] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    let left = left.location.clone();
    assert!(left.as_ref().starts_with("uploads/1/part.") && left.as_ref().ends_with(".unfinished"));
    // As if the process had died: nobody tidies up.
    std::mem::forget(upload);
    store.delete(&left).await.unwrap();
    assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
}

/// Nobody looks for it before it is whole; then it is moved to where others do, into a directory that is made for it.
#[tokio::test]
async fn what_is_written_in_place_has_its_name_from_the_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path()).unwrap();
    let store = open(&url, FileWrites::Direct).unwrap();
    let mut extensions = Extensions::new();
    extensions.insert(InPlace);
    let parts = || PutMultipartOptions {
        extensions: extensions.clone(),
        ..PutMultipartOptions::default()
    };
    let name = Path::from("uploads/1.part");
    let mut upload = store.put_multipart_opts(&name, parts()).await.unwrap();
    upload.put_part(PutPayload::from_static(b"ha")).await.unwrap();
    assert_eq!(store.head(&name).await.unwrap().size, 2);
    // A place is used once.
    assert!(store.put_multipart_opts(&name, parts()).await.is_err());
    upload.put_part(PutPayload::from_static(b"lf")).await.unwrap();
    upload.complete().await.unwrap();

    let place = Path::from("blobs/sha256/ab/abc");
    store.rename(&name, &place).await.unwrap();
    assert_eq!(
        store.get(&place).await.unwrap().bytes().await.unwrap(),
        "half".as_bytes()
    );
    let gone = store.rename(&name, &Path::from("blobs/sha256/cd/cde")).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    assert!(!directory.path().join("blobs/sha256/cd").exists());

    let options = PutOptions {
        extensions: extensions.clone(),
        ..PutOptions::default()
    };
    let small = PutPayload::from_static(b"small");
    store.put_opts(&name, small, options).await.unwrap();
    store.rename(&name, &place).await.unwrap();
    assert_eq!(
        store.get(&place).await.unwrap().bytes().await.unwrap(),
        "small".as_bytes()
    );

    let mut given_up = store.put_multipart_opts(&name, parts()).await.unwrap();
    given_up.put_part(PutPayload::from_static(b"x")).await.unwrap();
    given_up.abort().await.unwrap();
    assert_eq!(store.list(None).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn s3_keeps_objects() {
    let api = AwsApi::shared().await;
    let account = Account::builder(api).bucket("stups-store-objects").build().await;
    let settings = || {
        let from = |name: &str| {
            account
                .environment()
                .into_iter()
                .find(|(key, _)| key == name)
                .unwrap()
                .1
        };
        AmazonS3Builder::new()
            .with_endpoint(from("AWS_ENDPOINT_URL"))
            .with_access_key_id(from("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(from("AWS_SECRET_ACCESS_KEY"))
            .with_token(from("AWS_SESSION_TOKEN"))
            .with_region("us-east-1")
    };
    let at = |url: &str| s3(&url.parse().unwrap(), settings()).unwrap();
    keeps_objects(&*at("s3://stups-store-objects")).await;
    keeps_objects(&*at("s3://stups-store-objects/pier/one/")).await;
    keeps_parts(&*at("s3://stups-store-objects/parts")).await;

    let name = Path::from("x");
    at("s3://stups-store-objects/pier")
        .put(&name, PutPayload::from_static(b"x"))
        .await
        .unwrap();
    at("s3://stups-store-objects").get(&Path::from("pier/x")).await.unwrap();
    assert!(at("s3://stups-store-objects/elsewhere").get(&name).await.is_err());
}

#[test]
fn other_urls_are_refused() {
    for url in ["http://host/path", "gs://bucket", "file://elsewhere/path"] {
        assert!(
            matches!(
                open(&url.parse().unwrap(), FileWrites::Cached),
                Err(ObjectsError::Url(_))
            ),
            "{url}"
        );
    }
}
