use std::ptr;

use super::{c_string, ffi, owned};

/// A list of key and value, used for options and metadata.
pub struct Dict(*mut ffi::AVDictionary);

// SAFETY: a dictionary is plain memory that this value alone owns.
unsafe impl Send for Dict {}

impl Dict {
    pub fn new() -> Self {
        Self(ptr::null_mut())
    }

    /// A dictionary of these pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut dict = Self::new();
        pairs.into_iter().for_each(|(key, value)| dict.set(key, value));
        dict
    }

    pub fn set(&mut self, key: &str, value: &str) {
        // SAFETY: both strings are copied; fails only when out of memory, in which case the key is left out.
        unsafe { ffi::av_dict_set(&raw mut self.0, c_string(key).as_ptr(), c_string(value).as_ptr(), 0) };
    }

    pub fn get(&self, key: &str) -> Option<String> {
        self.pairs().into_iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    pub fn pairs(&self) -> Vec<(String, String)> {
        // SAFETY: the pointer is null or a dictionary that outlives the call.
        unsafe { pairs_of(self.0) }
    }

    pub(super) fn copy(&self) -> Self {
        let pairs = self.pairs();
        Self::of(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    /// The pointer, lent to a function that may change it; [`Self::put_back`] has to follow.
    pub(super) fn take(&mut self) -> *mut ffi::AVDictionary {
        std::mem::replace(&mut self.0, ptr::null_mut())
    }

    /// What became of the pointer that [`Self::take`] lent.
    pub(super) fn put_back(&mut self, raw: *mut ffi::AVDictionary) {
        *self = Self(raw);
    }

    pub(super) fn as_mut(&mut self) -> *mut *mut ffi::AVDictionary {
        &raw mut self.0
    }

    /// Gives the memory away, to an object that will free it.
    pub(super) fn into_raw(mut self) -> *mut ffi::AVDictionary {
        std::mem::replace(&mut self.0, ptr::null_mut())
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        // SAFETY: owned, and set to null by the call.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}

/// All pairs of a dictionary.
///
/// # Safety
/// `dict` is null or a valid dictionary.
pub(super) unsafe fn pairs_of(dict: *const ffi::AVDictionary) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut entry = ptr::null();
    loop {
        // SAFETY: the empty key with IGNORE_SUFFIX matches every entry; `entry` is null or the previous one.
        entry = unsafe { ffi::av_dict_get(dict, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX as i32) };
        if entry.is_null() {
            return pairs;
        }
        // SAFETY: not null, so an entry of the dictionary with two strings.
        let (key, value) = unsafe { ((*entry).key, (*entry).value) };
        pairs.push((owned(key), owned(value)));
    }
}
