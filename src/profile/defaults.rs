//! Owns when a key is left out of a profile that is written: where its value is the one that it has when it is absent.

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
