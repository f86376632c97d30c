;; RUN: inspect %
;; RUN[plan]: plan %
;; EXIT: 1
(module (func $main) (@custom "linking" "\02"))
