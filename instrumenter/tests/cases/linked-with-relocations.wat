;; RUN: calls
;; A linked module in which the linker left what it had read: that is dropped.
(module
  (func (export "main"))
  (@custom "linking" "\02")
  (@custom "reloc.CODE" "\03\00"))
