/* SPDX-License-Identifier: MIT */
/*
 * Owns the heap profile's head, at which a reader begins. Nothing fills it yet.
 */
#include "watch/profile.h"

struct profile profile;
