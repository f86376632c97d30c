# The tags of what longjmp and C++ throw: Zig's libraries refer to them and define neither.
	.globl __c_longjmp
	.tagtype __c_longjmp i32
__c_longjmp:

	.globl __cpp_exception
	.tagtype __cpp_exception i32
__cpp_exception:
