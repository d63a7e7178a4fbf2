/*
 * The commands about who reports and who asks: organizations, users, projects, their keys
 * and tokens.
 */

#ifndef ERRTRACK_WORKER_ADMIN_ACCOUNTS_HPP
#define ERRTRACK_WORKER_ADMIN_ACCOUNTS_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void create_organization(const Options &options);
void list_organizations(const Options &options);

void create_user(const Options &options);
void set_role(const Options &options);
void list_users(const Options &options);

void create_project(const Options &options);
void list_projects(const Options &options);

void create_key(const Options &options);
void list_keys(const Options &options);
void disable_key(const Options &options);
void delete_key(const Options &options);

void create_token(const Options &options);
void import_token(const Options &options);
void list_tokens(const Options &options);
void revoke_token(const Options &options);

}

#endif
