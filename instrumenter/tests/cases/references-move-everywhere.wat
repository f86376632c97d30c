;; RUN: calls
(module
  (import "env" "imported" (func $imported))
  (type $f (func))
  (table $t 1 (ref null $f) (ref.func $defined))
  (global $g (ref $f) (ref.func $defined))
  (elem $list func $imported $defined)
  (elem $expressions (ref $f) (ref.func $defined) (ref.func $imported))
  (func $defined)
  (func $caller
    (call $defined)
    (call_ref $f (ref.func $defined))))
