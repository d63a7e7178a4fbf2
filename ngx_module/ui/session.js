// Who is signed in and what they can see: asked once, until somebody signs in or out.

import { get, send } from './api.js';

let known = null;

async function ask() {
    const [who, projects] = await Promise.all([get(['auth']), get(['projects'])]);
    return {
        user: who, auth: who.auth, roles: who.roles, scopes: who.auth.scopes, projects,
        organizations: [...who.organizations].sort((a, b) => a.name.localeCompare(b.name)),
        /** Whether they may do in an organization what a scope allows. */
        may: (org, scope) => who.organizations.some((organization) => organization.slug === org && organization.access.includes(scope)),
    };
}

/** Who is signed in; fails with 401 where nobody is. */
export function session() {
    known ??= ask().catch((error) => {
        known = null;
        throw error;
    });
    return known;
}

export function forget() {
    known = null;
}

/** Makes a session of a token; the server gives the cookie that stands for it. */
export async function signIn(token) {
    await send('POST', ['auth'], { token });
    forget();
}

export async function signOut() {
    await send('DELETE', ['auth']);
    forget();
}
