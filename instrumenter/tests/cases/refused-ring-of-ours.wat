;; RUN: calls
(module (memory (export "waspect_ring") 1) (func $f))
