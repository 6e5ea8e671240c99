//! A batch of users, which only C has.

use std::ptr::{null, null_mut};

use melu::Catalog;
use melu::ffi::*;
use melu::model::file::{self, Contents};

/// A place that nothing was written to.
const UNKNOWN: melu_recommendation =
    melu_recommendation { item: 0, score: 0.0, rating: f32::NAN, deviation: f32::NAN };

/// Users of one catalogue, and room for what they are recommended.
pub struct Batch {
    users: Vec<*mut melu_user>,
    /// Where each user's items and ratings begin, and where the last one's end.
    offsets: Vec<usize>,
    items: Vec<u32>,
    ratings: Vec<f32>,
    best: Vec<melu_recommendation>,
    lens: Vec<usize>,
}

impl Batch {
    /// So many users, who are recommended so many items each.
    pub fn new(catalog: &Catalog, count: usize, best: usize) -> Self {
        let table = Some(catalog.table().clone());
        let contents = Contents { catalog: table, ..catalog.model().contents().clone() };
        let folder = tempfile::tempdir().expect("a folder for the weight file");
        let path = folder.path().join("model.melu");
        file::write(&path, &contents, None).expect("the folder can be written to");
        let path = path.to_str().expect("a temporary folder's name is UTF-8");
        let path = melu_str { data: path.as_ptr().cast(), len: path.len() };
        let (mut model, mut catalog) = (null_mut(), null_mut());
        let mut users = vec![null_mut(); count];
        // SAFETY: the handles are written, and freed once.
        unsafe {
            assert_eq!(melu_model_open(path, null(), &mut model, null_mut()), melu_status::Ok);
            let status = melu_model_catalog(model, &mut catalog, null_mut());
            assert_eq!(status, melu_status::Ok);
            for user in &mut users {
                let status = melu_user_new(catalog, null(), 0, user, null_mut(), null_mut());
                assert_eq!(status, melu_status::Ok);
            }
            melu_catalog_free(catalog);
            melu_model_free(model);
        }
        Self {
            users,
            offsets: Vec::new(),
            items: Vec::new(),
            ratings: Vec::new(),
            best: vec![UNKNOWN; best * count],
            lens: vec![0; count],
        }
    }

    /// The same, adapted each time to these items and ratings, a list a user.
    pub fn adapted(mut self, sets: &[(Vec<u32>, Vec<f32>)]) -> Self {
        assert_eq!(sets.len(), self.users.len());
        self.offsets.push(0);
        for (items, ratings) in sets {
            self.items.extend(items);
            self.ratings.extend(ratings);
            self.offsets.push(self.items.len());
        }
        self
    }

    /// What serves all of them, by so many threads.
    pub fn by(mut self, threads: u32) -> impl FnMut() {
        move || {
            let options = melu_recommend_options { threads, ..melu_recommend_options::default() };
            let Self { users, offsets, items, ratings, best, lens } = &mut self;
            let offsets = if offsets.is_empty() { null() } else { offsets.as_ptr() };
            // SAFETY: the lists are as long as they say.
            let status = unsafe {
                melu_recommend_batch(
                    users.as_ptr(),
                    users.len(),
                    offsets,
                    items.as_ptr(),
                    ratings.as_ptr(),
                    ratings.len(),
                    &options,
                    best.as_mut_ptr(),
                    best.len() / users.len(),
                    lens.as_mut_ptr(),
                    null_mut(),
                )
            };
            assert_eq!(status, melu_status::Ok);
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: nobody uses them any more.
        self.users.iter().for_each(|user| unsafe { melu_user_free(*user) });
    }
}
