// Who is signed in and what they can see: asked once, until somebody signs in or out.

import { get, send } from './api.js';

let known = null;

async function ask() {
    const [who, projects] = await Promise.all([get([]), get(['projects'])]);
    if (!who.user) {
        return { user: null, scopes: [], projects: [], organizations: [] };
    }
    const organizations = new Map(projects.map((project) => [project.organization.slug, project.organization]));
    if (organizations.size === 0) {
        for (const organization of await get(['organizations'])) {
            organizations.set(organization.slug, organization);
        }
    }
    return {
        user: who.user, version: who.version, scopes: who.auth.scopes, projects,
        organizations: [...organizations.values()].sort((a, b) => a.name.localeCompare(b.name)),
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

/** Whether the one who is signed in may do what a scope allows. */
export async function may(scope) {
    return (await session()).scopes.includes(scope);
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
