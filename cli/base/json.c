/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON text from any source: a value of another kind than expected counts as missing.
 */
#include "base/json.h"

#include <json-c/json_tokener.h>
#include <limits.h>
#include <stdio.h>

#define DEPTH_MAX 16

struct json_object *json_read(const char *text, size_t size, bool *is_cut)
{
    struct json_tokener *reader = json_tokener_new_ex(DEPTH_MAX);
    *is_cut = false;
    if (!reader || size > INT_MAX)
        return NULL;
    json_tokener_set_flags(reader, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(reader, text, (int)size);
    *is_cut = json_tokener_get_error(reader) == json_tokener_continue;
    json_tokener_free(reader);
    return value;
}

static struct json_object *get(const struct json_object *object, const char *key,
                               enum json_type type)
{
    struct json_object *value;
    return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type)
               ? value
               : NULL;
}

bool json_get_number(const struct json_object *object, const char *key, uint64_t *number)
{
    struct json_object *value = get(object, key, json_type_int);
    if (!value || json_object_get_int64(value) < 0)
        return false;
    *number = json_object_get_uint64(value);
    return *number <= JSON_NUMBER_MAX;
}

void json_get_text(const struct json_object *object, const char *key, char *text, size_t size)
{
    struct json_object *value = get(object, key, json_type_string);
    snprintf(text, size, "%s", value ? json_object_get_string(value) : "");
}

struct json_object *json_get_array(const struct json_object *object, const char *key)
{
    return get(object, key, json_type_array);
}
