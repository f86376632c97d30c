;; RUN: calls
(module (func) (@custom "linking" "x"))
