export { DASHBOARD_PATH } from './dashboard.ts'
export { buildServer, listenOn, type ServerParts } from './server.ts'
