import KubernetesObjects
import Testing

@testable import Exporter

/// Volumes and claims in cases that the captured cluster does not have.
@Suite struct VolumeFamiliesTests {
    private static let places = [
        "gce_persistent_disk_name", "ebs_volume_id", "azure_disk_name", "fc_wwids", "fc_lun", "fc_target_wwns",
        "iscsi_target_portal", "iscsi_iqn", "iscsi_lun", "iscsi_initiator_name", "nfs_server", "nfs_path", "csi_driver",
        "csi_volume_handle", "local_path", "local_fs", "host_path", "host_path_type",
    ]

    @Test(
        "of the place of a volume the labels of its kind of storage are filled, of several kinds those of the first",
        arguments: [
            ("", [:]),
            (#""gcePersistentDisk":{"pdName":"disk"}"#, ["gce_persistent_disk_name": "disk"]),
            (#""awsElasticBlockStore":{"volumeID":"vol-1"}"#, ["ebs_volume_id": "vol-1"]),
            (#""azureDisk":{"diskName":"disk","diskURI":"/d"}"#, ["azure_disk_name": "disk"]),
            (#""fc":{"targetWWNs":["a","b"],"lun":0}"#, ["fc_target_wwns": "a,b", "fc_lun": "0"]),
            (#""fc":{"wwids":["","a","","b"]}"#, ["fc_wwids": "a,,b"]),
            (
                #""iscsi":{"targetPortal":"10.0.0.1:3260","iqn":"iqn.2001-04.com.example:disk"}"#,
                ["iscsi_target_portal": "10.0.0.1:3260", "iscsi_iqn": "iqn.2001-04.com.example:disk", "iscsi_lun": "0"]
            ),
            (#""iscsi":{"lun":3,"initiatorName":"me"}"#, ["iscsi_lun": "3", "iscsi_initiator_name": "me"]),
            (#""nfs":{"server":"nas","path":"/a"}"#, ["nfs_server": "nas", "nfs_path": "/a"]),
            (#""csi":{"driver":"d","volumeHandle":"h"}"#, ["csi_driver": "d", "csi_volume_handle": "h"]),
            (#""local":{"path":"/mnt","fsType":"xfs"}"#, ["local_path": "/mnt", "local_fs": "xfs"]),
            (#""local":{"path":"/mnt"}"#, ["local_path": "/mnt"]),
            (#""hostPath":{"path":"/tmp","type":"Directory"}"#, ["host_path": "/tmp", "host_path_type": "Directory"]),
            (#""rbd":{"image":"i"}"#, [:]),
            (#""hostPath":{"path":"/tmp"},"csi":{"driver":"d"},"nfs":{"server":"nas"}"#, ["nfs_server": "nas"]),
            (#""iscsi":{"iqn":"i"},"fc":{"lun":1},"azureDisk":{}"#, [:]),
            (#""awsElasticBlockStore":{},"azureDisk":{"diskName":"disk"}"#, [:]),
            (#""hostPath":{"path":"/tmp"},"local":{"path":"/mnt"}"#, ["local_path": "/mnt"]),
            (#""gcePersistentDisk":{},"hostPath":{"path":"/tmp"}"#, [:]),
        ] as [(String, [String: String])])
    func places(source: String, filled: [String: String]) throws {
        let spec = #""spec":{"storageClassName":"fast","persistentVolumeReclaimPolicy":"Retain"\#(source.isEmpty ? "" : ",")\#(source)}"#
        let labels =
            [("storageclass", "fast")] + Self.places.map { ($0, filled[$0] ?? "") } + [("reclaim_policy", "Retain")]
        #expect(
            try samples("kube_persistentvolume_info", of: .persistentVolumes, spec) == [
                labels.map { #"\#($0)="\#($1)""# }.joined(separator: ",") + " 1"
            ])
    }

    @Test("a volume without a capacity of storage has 0 bytes; a part of a byte counts as one")
    func capacity() throws {
        let family = "kube_persistentvolume_capacity_bytes"
        #expect(try samples(family, of: .persistentVolumes) == ["0"])
        #expect(try samples(family, of: .persistentVolumes, #""spec":{"capacity":{"memory":"1"}}"#) == ["0"])
        #expect(try samples(family, of: .persistentVolumes, #""spec":{"capacity":{"storage":"1500m"}}"#) == ["2"])
        #expect(try samples(family, of: .persistentVolumes, #""spec":{"capacity":{"storage":"5Gi"}}"#) == ["5.36870912e+09"])
    }

    @Test("a volume's claim has a sample where there is a reference, even an empty one")
    func claimReference() throws {
        let family = "kube_persistentvolume_claim_ref"
        #expect(try samples(family, of: .persistentVolumes, #""spec":{}"#) == [])
        #expect(try samples(family, of: .persistentVolumes, #""spec":{"claimRef":{}}"#) == [#"name="",claim_namespace="" 1"#])
        #expect(
            try samples(family, of: .persistentVolumes, #""spec":{"claimRef":{"name":"c","namespace":"n"}}"#) == [
                #"name="c",claim_namespace="n" 1"#
            ])
    }

    @Test(
        "phases show once there is one, all 0 for one that is not known",
        arguments: [
            (
                Resource.persistentVolumes, "kube_persistentvolume_status_phase",
                ["Pending", "Available", "Bound", "Released", "Failed"]
            ),
            (.persistentVolumeClaims, "kube_persistentvolumeclaim_status_phase", ["Lost", "Bound", "Pending"]),
        ])
    func phases(resource: Resource, family: String, phases: [String]) throws {
        #expect(try samples(family, of: resource) == [])
        #expect(try samples(family, of: resource, #""status":{"phase":""}"#) == [])
        for phase in phases + ["Odd"] {
            #expect(
                try samples(family, of: resource, #""status":{"phase":"\#(phase)"}"#)
                    == phases.map { #"phase="\#($0)" \#($0 == phase ? 1 : 0)"# })
        }
    }

    @Test("a volume that does not name a mode is a file system; a claim that does not has an empty one")
    func modes() throws {
        let block = #""spec":{"volumeMode":"Block"}"#
        #expect(try samples("kube_persistentvolume_volume_mode", of: .persistentVolumes) == [#"volumemode="Filesystem" 1"#])
        #expect(try samples("kube_persistentvolume_volume_mode", of: .persistentVolumes, block) == [#"volumemode="Block" 1"#])
        #expect(
            try samples("kube_persistentvolumeclaim_info", of: .persistentVolumeClaims) == [
                #"storageclass="",volumename="",volumemode="" 1"#
            ])
        #expect(
            try samples("kube_persistentvolumeclaim_info", of: .persistentVolumeClaims, block) == [
                #"storageclass="",volumename="",volumemode="Block" 1"#
            ])
    }

    @Test(
        "the class of a claim is the one of the old annotation where that is set, even to nothing",
        arguments: [(nil, "field"), ("annotated", "annotated"), ("", "")] as [(String?, String)])
    func storageClass(annotation: String?, expected: String) throws {
        let metadata = annotation.map { #""annotations":{"volume.beta.kubernetes.io/storage-class":"\#($0)"}"# } ?? ""
        #expect(
            try samples(
                "kube_persistentvolumeclaim_info", of: .persistentVolumeClaims, #""spec":{"storageClassName":"field","volumeName":"v"}"#,
                metadata: metadata) == [#"storageclass="\#(expected)",volumename="v",volumemode="" 1"#])
    }

    @Test("what a claim asks for has a sample where it asks for storage")
    func requests() throws {
        let family = "kube_persistentvolumeclaim_resource_requests_storage_bytes"
        #expect(try samples(family, of: .persistentVolumeClaims, #""spec":{"resources":{"limits":{"storage":"1"}}}"#) == [])
        #expect(try samples(family, of: .persistentVolumeClaims, #""spec":{"resources":{"requests":{"storage":"0"}}}"#) == ["0"])
        #expect(
            try samples(family, of: .persistentVolumeClaims, #""spec":{"resources":{"requests":{"storage":"2.5G"}}}"#) == ["2.5e+09"])
    }

    @Test("each access mode has a sample")
    func accessModes() throws {
        let spec = #""spec":{"accessModes":["ReadWriteOnce","ReadOnlyMany"]},"status":{"accessModes":["ReadWriteMany"]}"#
        let expected = [#"access_mode="ReadWriteOnce" 1"#, #"access_mode="ReadOnlyMany" 1"#]
        #expect(try samples("kube_persistentvolume_access_mode", of: .persistentVolumes, spec) == expected)
        #expect(try samples("kube_persistentvolumeclaim_access_mode", of: .persistentVolumeClaims, spec) == expected)
        #expect(try samples("kube_persistentvolume_access_mode", of: .persistentVolumes) == [])
    }

    @Test("attributes of a CSI volume show on request only, and of CSI volumes only")
    func attributes() throws {
        let family = "kube_persistentvolume_csi_attributes"
        let flags = ["--metric-opt-in-list=\(family)"]
        let csi = #""spec":{"csi":{"volumeAttributes":{"mounter":"rbd-nbd","mapOptions":"krbd:rxbounce","pool":"p"}}}"#
        #expect(
            try samples(family, of: .persistentVolumes, csi, flags: flags) == [
                #"csi_mounter="rbd-nbd",csi_map_options="krbd:rxbounce" 1"#
            ])
        #expect(try samples(family, of: .persistentVolumes, csi) == [])
        #expect(
            try samples(family, of: .persistentVolumes, #""spec":{"csi":{}}"#, flags: flags) == [
                #"csi_mounter="",csi_map_options="" 1"#
            ])
        #expect(try samples(family, of: .persistentVolumes, #""spec":{"nfs":{}}"#, flags: flags) == [])
    }
}
