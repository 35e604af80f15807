/* SPDX-License-Identifier: MIT */
/*
 * The live samples of a copied profile.
 */
#ifndef HAK_CLI_PROFILE_SAMPLES_H
#define HAK_CLI_PROFILE_SAMPLES_H

#include "heap/profile_view.h"

/* Copy the table of samples: each sample's `site` is then a slot of the target's table. False: see
 * the target's error. */
bool profile_samples_read(struct profile_view *copied, struct target *target, uint64_t address,
                          uint32_t slots);
/* Replace the slot in `site` of each sample by the index of the copied site. */
void profile_samples_join(struct profile_view *copied);
/* The sample of the block that starts at an address, or NULL. */
const struct sample_view *profile_samples_find(const struct profile_view *copied, uint64_t address);

#endif
