;; RUN: counts
(module (func (export "waspect_counter_get")))
