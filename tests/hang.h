/* SPDX-License-Identifier: MIT */
/*
 * Owns the deadline of all test programs. A test does not depend on how fast the machine is: the
 * deadline only ends a program that hangs, so it is far beyond what the busiest machine needs.
 * ctest ends a test after 15 minutes (cmake/tests.cmake); a child that hangs ends earlier.
 */
#ifndef TESTS_HANG_H
#define TESTS_HANG_H

#define HANG_SECONDS 600

#endif
