//! Signals: names, numbers, masks, signalfd.
