//! The faults still to come, by path.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::fault::Fault;
use super::request::Request;

/// For each path a queue, with how often each fault still comes.
#[derive(Default)]
pub(super) struct Faults(Mutex<HashMap<String, VecDeque<(Fault, u32)>>>);

impl Faults {
    pub(super) fn add(&self, path: &str, fault: Fault) {
        let times = fault.times();
        if times > 0 {
            let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            faults.entry(path.to_owned()).or_default().push_back((fault, times));
        }
    }

    pub(super) fn clear(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// The first fault that concerns `request`, for a file of `size` bytes at `path`, counted as used.
    pub(super) fn take(&self, path: &str, request: &Request, size: Option<u64>) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = faults.get_mut(path)?;
        let index = queue.iter().position(|(fault, _)| fault.concerns(request, size))?;
        let (fault, left) = queue.get_mut(index)?;
        if *left == Fault::ALWAYS {
            return Some(fault.clone());
        }
        *left -= 1;
        if *left == 0 { queue.remove(index).map(|(fault, _)| fault) } else { Some(fault.clone()) }
    }
}
