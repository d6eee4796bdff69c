//! Owns which keys are left out when a profile is written: those whose value is their default.

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
